//! `yunti audit verify`: whether the audit log is as it was written. Not here: what stands in it (`GET /api/v1/audit`).

use std::{io, path::Path};

use crate::store::{StoreError, verify_audit};

/// Why the answer is not "unbroken".
#[derive(Debug, thiserror::Error)]
pub enum AuditCommandError {
    #[error("the audit log is broken at line {line}: {why}; {good} lines before it are as they were written")]
    Broken { line: u64, why: &'static str, good: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// Verifies the chain in the data folder `data`; the newest line's hash is printed: noted elsewhere, it tells later
/// whether the whole chain was made anew.
///
/// # Errors
/// The chain is broken, with the first broken line; the log cannot be read.
pub fn verify(data: &Path, out: &mut impl io::Write) -> Result<(), AuditCommandError> {
    let check = verify_audit(data)?;
    if let Some(broken) = check.broken {
        return Err(AuditCommandError::Broken { line: broken.line, why: broken.why, good: check.lines });
    }
    match check.first {
        Some(first) => {
            writeln!(out, "unbroken: {} lines, {first} to {}, newest hash {}", check.lines, check.last, check.head)?;
        }
        None => writeln!(out, "unbroken: no lines")?,
    }
    Ok(())
}
