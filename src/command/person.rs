//! Making a person in an open store, as the server itself does for `yunti demo`. Not here: the API's own route.

use serde_json::json;

use crate::{
    access::{Grants, PasswordError, PasswordHash, check_password},
    base::{PersonId, Secret, clock},
    store::{PersonRecord, Store, StoreError, Write},
};

/// Why nobody was made.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a person. Blocks for the time of a hash.
///
/// # Errors
/// A bad password, no randomness, or the store.
pub async fn create_in(
    store: &Store,
    name: &str,
    password: &Secret,
    grants: Grants,
    by: &str,
) -> Result<PersonId, PersonError> {
    check_password(name, password)?;
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(PersonError::Random)?;
    let person = PersonRecord {
        id: PersonId::fresh(),
        name: name.to_owned(),
        password: PasswordHash::of(password, &salt)?,
        grants,
        disabled: false,
        version: 1,
        created_at: clock::wall(),
        last_seen: None,
    };
    let (id, at) = (person.id, person.created_at);
    let audit = Write::Audit {
        at,
        actor: by.to_owned(),
        act: "person.create".to_owned(),
        subject: id.to_string(),
        detail: json!({ "name": name }),
    };
    store.insert_person(person, vec![audit]).await?;
    Ok(id)
}
