//! The HTTP server: one thread with one current-thread runtime, and its pages.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::oneshot;

use super::ProcessHealth;
use super::agent_page::{AgentPage, ReadTree, serve_agent_page};

/// Why the console could not start.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    #[error("http.listen: cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("the console's thread could not start: {0}")]
    Thread(std::io::Error),
}

/// A running server; dropping it ends it.
#[derive(Debug)]
pub struct ConsoleServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Renders the metrics page.
type RenderMetrics = dyn Fn() -> String + Send + Sync;

/// Renders the key set.
type RenderKeySet = dyn Fn() -> Option<String> + Send + Sync;

/// What receivers may keep of the key set, and for how long: a new key is to be published longer
/// than this before it signs.
const KEY_SET_CACHE: &str = "public, max-age=300";

/// What the pages show besides the health of the process.
pub struct PageSources {
    /// Renders `/metrics`.
    pub metrics: Box<RenderMetrics>,
    /// The published keys as a JSON Web Key Set; `None` where nothing is signed.
    pub key_set: Box<RenderKeySet>,
    /// Reads the tree of an agent.
    pub agent_tree: Box<ReadTree>,
}

impl ConsoleServer {
    /// Starts serving on `address`; port 0 takes a free port.
    ///
    /// # Errors
    /// [`ConsoleError::Listen`] when another process uses the address, or no interface has it.
    pub fn start(
        address: SocketAddr,
        health: Arc<ProcessHealth>,
        sources: PageSources,
    ) -> Result<Self, ConsoleError> {
        let listen = |source| ConsoleError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ConsoleError::Thread)?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(listen)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let pages = page_routes(health, sources);
        let thread = std::thread::Builder::new()
            .name("console".to_owned())
            .spawn(move || runtime.block_on(serve_pages(listener, pages, stopped)))
            .map_err(ConsoleError::Thread)?;
        Ok(ConsoleServer {
            address: bound,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The address it listens on, with the port that was chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for ConsoleServer {
    /// Ends at once: an open connection of a scraper must not delay the end of the process.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve_pages(
    listener: tokio::net::TcpListener,
    pages: Router,
    stopped: oneshot::Receiver<()>,
) {
    // A page may depend on who asks for it.
    let pages = pages.into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        // Never ends by itself: after a failed accept axum waits and goes on.
        _ = axum::serve(listener, pages) => {}
        _ = stopped => {}
    }
}

fn page_routes(health: Arc<ProcessHealth>, sources: PageSources) -> Router {
    let live = Arc::clone(&health);
    let metrics: Arc<RenderMetrics> = sources.metrics.into();
    let key_set: Arc<RenderKeySet> = sources.key_set.into();
    let agents = Arc::new(AgentPage::new(sources.agent_tree));
    Router::new()
        .route(
            "/livez",
            get(move || async move { status_page(live.check_liveness()) }),
        )
        .route(
            "/readyz",
            get(move || async move { status_page(health.check_readiness()) }),
        )
        .route(
            "/metrics",
            get(move || async move { metrics_page(&metrics) }),
        )
        .route(
            "/.well-known/jwks.json",
            get(move || async move { key_set_page(&key_set) }),
        )
        .route(
            "/agents/{tenant}/{agent}/tree",
            get(move |caller, headers, names| serve_agent_page(agents, caller, headers, names)),
        )
}

fn status_page(state: Result<(), String>) -> Response {
    match state {
        Ok(()) => (StatusCode::OK, "ok\n").into_response(),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")).into_response(),
    }
}

fn metrics_page(metrics: &Arc<RenderMetrics>) -> Response {
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (kind, metrics()).into_response()
}

fn key_set_page(key_set: &Arc<RenderKeySet>) -> Response {
    match key_set() {
        Some(keys) => {
            let kind = [
                (header::CONTENT_TYPE, "application/jwk-set+json"),
                (header::CACHE_CONTROL, KEY_SET_CACHE),
            ];
            (kind, keys).into_response()
        }
        None => {
            let text = "no request is signed here: `signing.key_file` is not set\n";
            (StatusCode::NOT_FOUND, text).into_response()
        }
    }
}
