//! A link that can stall: a relay between a device and the server which holds back what is sent while told to, and
//! delivers it afterwards, as a network that lost its way for a while does.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use crate::world::PATIENCE;

/// The relay; it ends when dropped.
pub(crate) struct Stall {
    pub(crate) address: SocketAddr,
    hold: watch::Sender<bool>,
    waiting: Arc<AtomicUsize>,
    _relay: JoinSet<()>,
}

impl Stall {
    /// Relays connections to `server`.
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("an address");
        let (hold, stalled) = watch::channel(false);
        let waiting = Arc::new(AtomicUsize::new(0));
        let held_back = Arc::clone(&waiting);
        let mut relay = JoinSet::new();
        relay.spawn(async move {
            let mut pumps = JoinSet::new();
            while let Ok((device, _)) = listener.accept().await {
                let Ok(upstream) = TcpStream::connect(server).await else { continue };
                let (from_device, to_device) = device.into_split();
                let (from_server, to_server) = upstream.into_split();
                pumps.spawn(pump(from_device, to_server, stalled.clone(), None));
                pumps.spawn(pump(from_server, to_device, stalled.clone(), Some(Arc::clone(&held_back))));
            }
        });
        Self { address, hold, waiting, _relay: relay }
    }

    pub(crate) fn hold(&self, hold: bool) {
        self.hold.send_replace(hold);
    }

    /// Waits until something that the server sent was held back.
    pub(crate) async fn waiting(&self) {
        let came = timeout(PATIENCE, async {
            while self.waiting.load(Ordering::SeqCst) == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        came.await.expect("something is held back");
    }
}

async fn pump(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut stalled: watch::Receiver<bool>,
    held_back: Option<Arc<AtomicUsize>>,
) {
    let mut bytes = [0_u8; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if let Some(held_back) = held_back.as_ref().filter(|_| *stalled.borrow()) {
            held_back.fetch_add(read, Ordering::SeqCst);
        }
        if stalled.wait_for(|stalled| !stalled).await.is_err() || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
