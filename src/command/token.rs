//! `yunti token create`: makes an API token beside a server that may be running, and gives its text back.

use std::path::Path;

use serde_json::json;

use crate::{
    access::{PersonKey, Role, TokenHash},
    base::{Secret, TokenId, clock},
    store::{Store, StoreError, TokenRecord, Write},
};

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum TokenCommandError {
    #[error("`{0}` is not a role: give viewer, operator, integrator or admin")]
    Role(String),
    #[error("a token's name has 1 to 100 characters and no control characters")]
    Name,
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a token of `role` called `name` in the data folder `data`; the text is shown to nobody else, ever.
///
/// # Errors
/// An unknown role, a bad name, no randomness, or the store.
pub async fn create(data: &Path, role: &str, name: &str) -> Result<Secret, TokenCommandError> {
    let role = Role::of_name(role).ok_or_else(|| TokenCommandError::Role(role.to_owned()))?;
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(TokenCommandError::Name);
    }
    let store = Store::open_shared(data)?;
    create_in(&store, role, name, "command line").await
}

/// Makes a token in an open store, as the server itself does for `yunti demo`.
///
/// # Errors
/// No randomness, or the store.
pub async fn create_in(store: &Store, role: Role, name: &str, by: &str) -> Result<Secret, TokenCommandError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(TokenCommandError::Random)?;
    let key = PersonKey::new(TokenId::fresh(), &random);
    let at = clock::wall();
    let record = TokenRecord {
        id: key.id,
        name: name.to_owned(),
        role,
        site: None,
        hash: TokenHash::of(&key.secret),
        created_at: at,
        expires_at: None,
        revoked_at: None,
        last_used: None,
    };
    let audit = Write::Audit {
        at,
        actor: by.to_owned(),
        act: "token.create".to_owned(),
        subject: key.id.to_string(),
        detail: json!({ "name": name, "role": role.name() }),
    };
    store.insert_token(record, vec![audit]).await?;
    Ok(key.text())
}
