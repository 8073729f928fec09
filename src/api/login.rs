//! What log-ins go through: the limits, the few threads that hash, the one-time set-up link.
//! Not here: the routes (`session`).

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Semaphore, time::timeout};

use super::{problem::Problem, tokens::random};
use crate::{
    access::{Attempt, LoginLimits, PasswordHash, TokenHash},
    base::{Secret, clock},
};

/// Passwords hashed at one time; each takes a core and 19 MiB.
const HASHING: usize = 2;

/// How long a log-in waits for its turn.
const TURN: Duration = Duration::from_secs(10);

pub(super) struct Login {
    limits: Mutex<LoginLimits>,
    hashing: Semaphore,
    /// Of the secret in the set-up link, while there is nobody yet.
    setup: Mutex<Option<TokenHash>>,
}

impl Login {
    pub(super) fn new() -> Self {
        Self { limits: Mutex::default(), hashing: Semaphore::new(HASHING), setup: Mutex::new(None) }
    }

    /// Whether an attempt may be made now; 429 when not.
    pub(super) fn begin(&self, name: &str, address: IpAddr) -> Result<Attempt, Problem> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.begin(&name.to_lowercase(), address, clock::mono()).map_err(Problem::too_many)
    }

    pub(super) fn succeeded(&self, attempt: Attempt) {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner).succeeded(attempt);
    }

    /// Whether the password is the one; with no hash to compare it with, the same work for nothing.
    pub(super) async fn matches(&self, hash: Option<PasswordHash>, password: Secret) -> Result<bool, Problem> {
        self.hash(move || {
            let Some(hash) = hash else {
                PasswordHash::match_nothing(&password);
                return false;
            };
            hash.matches(&password)
        })
        .await
    }

    /// The hash of a new password.
    pub(super) async fn hash_of(&self, password: Secret) -> Result<PasswordHash, Problem> {
        let mut salt = [0; 16];
        salt.copy_from_slice(&random()?[..16]);
        self.hash(move || PasswordHash::of(&password, &salt)).await?.map_err(Problem::internal)
    }

    async fn hash<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let Ok(Ok(_turn)) = timeout(TURN, self.hashing.acquire()).await else {
            return Err(Problem::unavailable("too many log in at this moment: try again in some seconds"));
        };
        tokio::task::spawn_blocking(work).await.map_err(Problem::internal)
    }

    /// Takes the secret of a set-up link for the right one from now on.
    pub(super) fn offer_setup(&self, secret: &Secret) {
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = Some(TokenHash::of(secret));
    }

    pub(super) fn setup_is_offered(&self) -> bool {
        self.setup.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(super) fn is_setup(&self, secret: &Secret) -> bool {
        self.setup.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|hash| hash.matches(secret))
    }

    pub(super) fn setup_is_done(&self) {
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
