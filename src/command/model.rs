//! `yunti model list | check | fetch`. Not here: arguments (`main.rs`), the manifest's format (`infer`).

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    detect::second::SecondLook,
    infer::{
        EngineOptions, InferError, Manifest, ManifestError, ModelFolder, ModelLibrary, UnknownModel,
        manifest::sha256_hex,
        onnx::{OnnxEngine, Runtime},
    },
};

/// The largest file that is fetched.
const MAX_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// For the whole of a transfer.
const FETCH_LIMIT: Duration = Duration::from_secs(1800);

/// Why a model command failed.
#[derive(Debug, thiserror::Error)]
pub enum ModelCommandError {
    #[error(transparent)]
    Unknown(#[from] UnknownModel),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Infer(#[from] InferError),
    #[error("{manifest} has no url in [file]: put the weights at {weights} by hand")]
    NoUrl { manifest: PathBuf, weights: PathBuf },
    #[error("cannot fetch {url}: {reason}")]
    Fetch { url: String, reason: String },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
}

/// Writes a line per model folder. Returns how many cannot be used: the exit status is 1 when there are any.
///
/// # Errors
/// `out` cannot be written.
pub fn list(models: &[PathBuf], out: &mut dyn Write) -> Result<usize, ModelCommandError> {
    let library = ModelLibrary::load(models);
    if library.folders().is_empty() {
        let searched: Vec<String> = models.iter().map(|p| p.display().to_string()).collect();
        writeln!(out, "no models in {}", searched.join(", "))?;
    }
    let mut unusable = 0;
    for folder in library.folders() {
        if !row(folder, out)? {
            unusable += 1;
        }
    }
    out.flush()?;
    Ok(unusable)
}

fn row(folder: &ModelFolder, out: &mut dyn Write) -> io::Result<bool> {
    match &folder.manifest {
        Ok(manifest) => {
            let there = manifest.complete();
            let classes: Vec<&str> = manifest.classes.iter().map(crate::detect::Label::as_str).collect();
            writeln!(
                out,
                "{}\t{}\t{}×{}\t{}\t{}\t{}",
                manifest.name,
                manifest.family,
                manifest.tensor.width,
                manifest.tensor.height,
                if there { "ready" } else { "weights missing" },
                manifest.licence,
                if classes.is_empty() { "-".to_owned() } else { classes.join(",") },
            )?;
            Ok(there)
        }
        Err(e) => {
            writeln!(out, "{}\tbroken: {e}", folder.name())?;
            Ok(false)
        }
    }
}

/// Reads the model in `folder`, compares its hash, loads it, runs it and measures it.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(
    folder: &Path,
    library: Option<&Path>,
    options: &EngineOptions,
    out: &mut dyn Write,
) -> Result<(), ModelCommandError> {
    let manifest = Manifest::load(folder)?;
    let bytes = manifest.weights()?.len();
    writeln!(out, "{}: manifest good, {bytes} bytes of weights with the promised SHA-256", manifest.name)?;
    if let (Some(second), Some(weights)) = (&manifest.second, manifest.second_weights()?) {
        let SecondLook { candidate, floor, .. } = &second.look;
        let bytes = weights.len();
        writeln!(
            out,
            "second look at each {candidate} from {floor} on: {bytes} bytes of weights with the promised SHA-256"
        )?;
    }
    let runtime = Runtime::load(library)?;
    let report = OnnxEngine::check(&runtime, &manifest, options)?;
    writeln!(out, "ONNX Runtime: {} ({})", runtime.library().display(), runtime.build_info())?;
    for (provider, reason) in &report.refused {
        writeln!(out, "not on {provider}: {reason}")?;
    }
    writeln!(out, "runs on {}, best batch {}", report.provider, report.best_batch)?;
    for (size, time) in &report.calibration {
        writeln!(out, "  batch {size}: {:.1} ms", time.as_secs_f64() * 1000.0)?;
    }
    out.flush()?;
    Ok(())
}

/// Fetches the weights of the model called `name` from its manifest's url, unless the right ones are there.
///
/// # Errors
/// The model is unknown or has no url; the transfer fails; what comes has another hash (nothing is kept then).
pub fn fetch(models: &[PathBuf], name: &str, out: &mut dyn Write) -> Result<(), ModelCommandError> {
    let library = ModelLibrary::load(models);
    fetch_with(library.get(name)?, out, download)
}

fn fetch_with<R: Read>(
    manifest: &Manifest,
    out: &mut dyn Write,
    open: impl FnOnce(&str) -> Result<R, String>,
) -> Result<(), ModelCommandError> {
    let weights = &manifest.weights;
    if manifest.weights().is_ok() {
        writeln!(out, "{} is there and has the promised SHA-256", weights.display())?;
        return Ok(());
    }
    let Some(url) = &manifest.url else {
        return Err(ModelCommandError::NoUrl { manifest: manifest.path.clone(), weights: weights.clone() });
    };
    let failed = |reason: String| ModelCommandError::Fetch { url: url.clone(), reason };
    let mut bytes = Vec::new();
    let body = open(url).map_err(failed)?;
    body.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| failed(e.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(failed(format!("it is larger than {MAX_BYTES} bytes")));
    }
    let actual = sha256_hex(&bytes);
    if actual != manifest.sha256 {
        return Err(failed(format!(
            "what came ({} bytes) has the SHA-256 {actual}, {} promises {}; nothing was kept",
            bytes.len(),
            manifest.path.display(),
            manifest.sha256
        )));
    }
    let part = weights.with_extension("part");
    let wrong = |source: io::Error| ModelCommandError::Write { path: part.clone(), source };
    // Whole or not at all: the name appears when the bytes are on the disk.
    fs::File::create(&part)
        .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&part, weights))
        .map_err(wrong)?;
    writeln!(out, "{}: {} bytes", weights.display(), bytes.len())?;
    Ok(())
}

/// An https body; redirects to anything else are refused.
fn download(url: &str) -> Result<impl Read + use<>, String> {
    let config = ureq::Agent::config_builder()
        .https_only(true)
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_global(Some(FETCH_LIMIT))
        .build();
    let response = ureq::Agent::from(config).get(url).call().map_err(|e| e.to_string())?;
    Ok(response.into_body().into_reader())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: &[u8] = b"weights";

    fn manifest(folder: &Path, url: &str) -> Manifest {
        let text = crate::infer::manifest::tests::GOOD
            .replace("E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", &sha256_hex(NETWORK))
            .replace("[input]", &format!("{url}\n[input]"));
        fs::write(folder.join("model.toml"), text).unwrap();
        Manifest::load(folder).unwrap()
    }

    #[test]
    fn weights_are_fetched_whole_or_not_at_all() {
        let check = |url: &str, body: Result<&'static [u8], String>, expected: Result<(), &str>| {
            let folder = tempfile::tempdir().unwrap();
            let manifest = manifest(folder.path(), url);
            let mut out = Vec::new();
            let result = fetch_with(&manifest, &mut out, |_| body);
            match (result, expected) {
                (Ok(()), Ok(())) => assert_eq!(fs::read(&manifest.weights).unwrap(), NETWORK),
                (Err(e), Err(part)) => {
                    assert!(e.to_string().contains(part), "{e}");
                    let left = fs::read_dir(folder.path()).unwrap().count();
                    assert_eq!(left, 1, "only the manifest is left");
                }
                (result, expected) => panic!("{result:?} instead of {expected:?}"),
            }
        };
        let url = "url = \"https://example.com/ebike.onnx\"";
        check(url, Ok(NETWORK), Ok(()));
        check(url, Ok(b"something else"), Err("SHA-256"));
        check(url, Ok(b""), Err("SHA-256"));
        check(url, Err("no route".to_owned()), Err("no route"));
        check("", Ok(NETWORK), Err("by hand"));
    }

    #[test]
    fn what_is_there_is_not_fetched_again() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = manifest(folder.path(), "url = \"https://example.com/ebike.onnx\"");
        fs::write(&manifest.weights, NETWORK).unwrap();
        let never = |_: &str| -> Result<&[u8], String> { panic!("it was fetched") };
        fetch_with(&manifest, &mut Vec::new(), never).unwrap();
    }

    #[test]
    fn plain_http_is_refused_before_anything_is_sent() {
        let reason = download("http://127.0.0.1:9/ebike.onnx").err().unwrap();
        assert!(reason.contains("https"), "{reason}");
    }

    #[test]
    fn folders_are_listed_with_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("ebike")).unwrap();
        fs::create_dir_all(folder.path().join("bad")).unwrap();
        manifest(&folder.path().join("ebike"), "");
        fs::write(folder.path().join("bad/model.toml"), "name = 1").unwrap();
        let listed = || {
            let mut out = Vec::new();
            let unusable = list(&[folder.path().to_owned()], &mut out).unwrap();
            (unusable, String::from_utf8(out).unwrap())
        };
        let (unusable, text) = listed();
        assert_eq!(unusable, 2, "{text}");
        assert!(text.contains("ebike\tyolox\t416×416\tweights missing") && text.contains("bad\tbroken"), "{text}");
        fs::write(folder.path().join("ebike/ebike.onnx"), NETWORK).unwrap();
        assert_eq!(listed().0, 1);
    }
}
