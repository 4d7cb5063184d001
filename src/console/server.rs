//! The server: one thread, one current-thread runtime, three pages.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::oneshot;

use super::Health;

/// Why the console could not start.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    #[error("http.listen: cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("the console's thread could not start: {0}")]
    Start(std::io::Error),
}

/// A running console; dropping it ends it.
#[derive(Debug)]
pub struct Console {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How the metrics page is made.
type Render = Arc<dyn Fn() -> String + Send + Sync>;

impl Console {
    /// Starts serving on `address`; port 0 takes a free one. `metrics` renders `/metrics`.
    ///
    /// # Errors
    /// [`ConsoleError::Listen`] when the address is taken or not ours.
    pub fn start(
        address: SocketAddr,
        health: Arc<Health>,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> Result<Self, ConsoleError> {
        let listen = |source| ConsoleError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ConsoleError::Start)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let pages = pages(health, Arc::new(metrics));
        let thread = std::thread::Builder::new()
            .name("console".to_owned())
            .spawn(move || runtime.block_on(serve(listener, pages, stopped)))
            .map_err(ConsoleError::Start)?;
        Ok(Console {
            address: bound,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens, with the port it got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Console {
    /// Ends at once: an open connection of a scraper must not hold up the process.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, pages: Router, stopped: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the console cannot serve"),
    };
    tokio::select! {
        served = axum::serve(listener, pages) => {
            if let Err(error) = served {
                tracing::error!(%error, "the console ended");
            }
        }
        _ = stopped => {}
    }
}

fn pages(health: Arc<Health>, metrics: Render) -> Router {
    let live = Arc::clone(&health);
    Router::new()
        .route("/livez", get(move || async move { answer(live.live()) }))
        .route(
            "/readyz",
            get(move || async move { answer(health.ready()) }),
        )
        .route(
            "/metrics",
            get(move || async move { metrics_page(&metrics) }),
        )
}

fn answer(state: Result<(), String>) -> Response {
    match state {
        Ok(()) => (StatusCode::OK, "ok\n").into_response(),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")).into_response(),
    }
}

fn metrics_page(metrics: &Render) -> Response {
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (kind, metrics()).into_response()
}
