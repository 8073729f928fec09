//! What each camera's newest analysed frame shows: for the snapshot, and for those who watch live. One frame per camera
//! is held, and the one before it let go. Not here: how it was analysed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::{OnceCell, Semaphore, watch};

use crate::{
    base::CameraId,
    frame::Frame,
    media::{self, SnapshotError},
    track::Scene,
};

/// JPEGs encoded at one time, of all cameras; more wait. Each takes a core for 5 to 30 ms.
const ENCODERS: usize = 2;

/// The newest analysed frame of one camera and what was seen in it; cheap to clone. Who keeps it keeps a buffer of the
/// decoder: let it go soon.
#[derive(Debug, Clone)]
pub struct Sight {
    pub frame: Frame,
    pub scene: Arc<Scene>,
    /// Encoded once, for all who ask.
    jpeg: Arc<OnceCell<Bytes>>,
}

/// Why a sight cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum SightError {
    #[error(transparent)]
    Encode(#[from] SnapshotError),
    #[error("the encoder's thread ended: {0}")]
    Ended(String),
}

/// Each camera's newest sight; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Sights(Arc<Mutex<HashMap<CameraId, watch::Sender<Option<Sight>>>>>);

impl Sights {
    /// The newest sight of `camera`; `None` before its first analysed frame.
    #[must_use]
    pub fn get(&self, camera: CameraId) -> Option<Sight> {
        self.cameras().get(&camera).and_then(|newest| newest.borrow().clone())
    }

    /// Follows the newest sight of `camera`: slow followers miss those between. Ends when the camera is forgotten.
    #[must_use]
    pub fn follow(&self, camera: CameraId) -> watch::Receiver<Option<Sight>> {
        self.cameras().entry(camera).or_default().subscribe()
    }

    /// A frame was analysed.
    pub(super) fn show(&self, frame: Frame, scene: Scene) {
        let sight = Sight { frame, scene: Arc::new(scene), jpeg: Arc::default() };
        let before = {
            let mut cameras = self.cameras();
            cameras.entry(sight.frame.camera).or_default().send_replace(Some(sight))
        };
        // Outside the lock: it may give the decoder its buffer back.
        drop(before);
    }

    /// A camera is no longer watched.
    pub(super) fn forget(&self, camera: CameraId) {
        self.cameras().remove(&camera);
    }

    fn cameras(&self) -> MutexGuard<'_, HashMap<CameraId, watch::Sender<Option<Sight>>>> {
        // Whole after every statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sight {
    /// The frame as a JPEG of native size, without boxes. Encoded on a blocking thread when first asked for.
    ///
    /// # Errors
    /// A picture that cannot be a JPEG.
    pub async fn jpeg(&self) -> Result<Bytes, SightError> {
        let pixels = self.frame.pixels.clone();
        let encode = || encoded(move || media::snapshot(&pixels, &[]));
        self.jpeg.get_or_try_init(encode).await.cloned()
    }
}

/// Makes a JPEG for somebody who asks, on a blocking thread, when one of the few places for that is free: however many
/// look at pictures at once, the frame path keeps its cores.
///
/// # Errors
/// What `encode` gives, or its thread ended.
pub async fn encoded(
    encode: impl FnOnce() -> Result<Vec<u8>, SnapshotError> + Send + 'static,
) -> Result<Bytes, SightError> {
    static PLACES: Semaphore = Semaphore::const_new(ENCODERS);
    let ended = |e: &dyn std::fmt::Display| SightError::Ended(e.to_string());
    let _place = PLACES.acquire().await.map_err(|e| ended(&e))?;
    let jpeg = tokio::task::spawn_blocking(encode).await.map_err(|e| ended(&e))?;
    Ok(Bytes::from(jpeg?))
}
