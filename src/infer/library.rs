//! The model folders of this installation. Not here: running them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::manifest::{FILE_NAME, Manifest, ManifestError};

/// One folder that has a `model.toml`.
#[derive(Debug)]
pub struct ModelFolder {
    pub folder: PathBuf,
    pub manifest: Result<Manifest, ManifestError>,
}

impl ModelFolder {
    /// The manifest's name for the model, else the folder's.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.manifest {
            Ok(manifest) => manifest.name.clone(),
            Err(_) => self.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        }
    }
}

/// Every model folder found, good or bad, by name.
#[derive(Debug, Default)]
pub struct ModelLibrary {
    folders: Vec<ModelFolder>,
    searched: Vec<PathBuf>,
}

/// A model that is not there or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnknownModel {
    #[error("no model `{name}` in {searched}: there {}", list(.known))]
    Unknown { name: String, searched: String, known: Vec<String> },
    #[error("model `{name}` cannot be used: {reason}")]
    Broken { name: String, reason: String },
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "are none".to_owned() } else { format!("are {}", names.join(", ")) }
}

impl ModelLibrary {
    /// Reads `DIR/*/model.toml` (and `DIR/model.toml`) of each directory. A directory that does not exist holds no
    /// models; of two models of one name the first found is used.
    #[must_use]
    pub fn load(dirs: &[PathBuf]) -> Self {
        let mut folders: Vec<ModelFolder> = Vec::new();
        for dir in dirs {
            let mut here: Vec<PathBuf> = fs::read_dir(dir)
                .map(|entries| entries.filter_map(|e| Some(e.ok()?.path())).collect())
                .unwrap_or_default();
            here.sort();
            here.insert(0, dir.clone());
            for folder in here.into_iter().filter(|f| f.join(FILE_NAME).is_file()) {
                let found = ModelFolder { manifest: Manifest::load(&folder), folder };
                if !folders.iter().any(|f| f.name() == found.name() && f.manifest.is_ok()) {
                    folders.retain(|f| f.name() != found.name());
                    folders.push(found);
                }
            }
        }
        folders.sort_by_key(ModelFolder::name);
        Self { folders, searched: dirs.to_vec() }
    }

    /// All folders, by name.
    #[must_use]
    pub fn folders(&self) -> &[ModelFolder] {
        &self.folders
    }

    /// The manifest of the model called `name`.
    ///
    /// # Errors
    /// There is none, or its manifest is bad.
    pub fn get(&self, name: &str) -> Result<&Manifest, UnknownModel> {
        match self.folders.iter().find(|f| f.name() == name) {
            Some(ModelFolder { manifest: Ok(manifest), .. }) => Ok(manifest),
            Some(ModelFolder { manifest: Err(e), .. }) => {
                Err(UnknownModel::Broken { name: name.to_owned(), reason: e.to_string() })
            }
            None => Err(UnknownModel::Unknown {
                name: name.to_owned(),
                searched: texts(&self.searched).join(", "),
                known: self.folders.iter().map(ModelFolder::name).collect(),
            }),
        }
    }
}

fn texts(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|p: &PathBuf| Path::display(p).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_and_bad_folders_are_listed_and_a_missing_directory_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let write = |folder: &str, text: &str| {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
            fs::write(dir.path().join(folder).join(FILE_NAME), text).unwrap();
        };
        write("good", crate::infer::manifest::tests::GOOD);
        write("broken", "name = 1");
        fs::create_dir_all(dir.path().join("no-model")).unwrap();
        let library = ModelLibrary::load(&[dir.path().to_owned(), dir.path().join("absent")]);
        let names: Vec<String> = library.folders().iter().map(ModelFolder::name).collect();
        assert_eq!(names, ["broken", "ebike"]);
        assert_eq!(library.get("ebike").unwrap().name, "ebike");
        assert!(library.get("broken").unwrap_err().to_string().contains("model.toml"));
        let message = library.get("absent").unwrap_err().to_string();
        assert!(message.contains("broken, ebike"), "{message}");
        assert!(ModelLibrary::load(&[]).get("x").unwrap_err().to_string().contains("are none"));
    }
}
