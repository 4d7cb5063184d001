//! `GET /agents/{tenant}/{agent}/tree`: who may ask, and for what.
//!
//! The page names agents, credentials and what each may do, which the other pages do not. So it is
//! for callers on the same machine only, whatever address the server listens on. The `Host` of the
//! request must be of this machine too: a proxy beside the process would pass on the requests of
//! others from a loopback address, and a browser those of any web site.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, TryLockError};

use axum::extract::{ConnectInfo, Path};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Bytes of the name of a tenant or an agent in a request: more than a key of the store can have.
pub const NAME_BYTES_MAX: usize = 4 * 1024;

/// What there is of an agent's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreePage {
    /// As JSON.
    Found(String),
    /// Nothing is known of the agent, or its state is in another process. Says which.
    Missing(String),
    Failed(String),
}

/// Reads the tree of the agent with this tenant and id.
pub type ReadTree = dyn Fn(&str, &str) -> TreePage + Send + Sync;

/// The page of agents' trees. It reads one tree at a time: however often somebody asks, the store
/// is left to the workers.
pub(super) struct AgentPage {
    pub read: Box<ReadTree>,
    pub reading: Mutex<()>,
}

impl AgentPage {
    pub(super) fn new(read: Box<ReadTree>) -> Self {
        AgentPage {
            read,
            reading: Mutex::new(()),
        }
    }

    fn read_one(&self, tenant: &str, agent: &str) -> Response {
        let _reading = match self.reading.try_lock() {
            Ok(guard) => guard,
            // The tree that a panic ended left nothing half done.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let text = "another tree is being read; ask again";
                return refuse(StatusCode::SERVICE_UNAVAILABLE, text);
            }
        };
        match (self.read)(tenant, agent) {
            TreePage::Found(json) => {
                ([(header::CONTENT_TYPE, "application/json")], json).into_response()
            }
            TreePage::Missing(text) => refuse(StatusCode::NOT_FOUND, &text),
            TreePage::Failed(text) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &text),
        }
    }
}

/// Serves the page.
pub(super) async fn serve_agent_page(
    page: Arc<AgentPage>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Path((tenant, agent)): Path<(String, String)>,
) -> Response {
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    if !is_local(caller.ip(), host) {
        let text = "this page is for callers on the same machine, by a loopback address";
        return refuse(StatusCode::FORBIDDEN, text);
    }
    if [&tenant, &agent]
        .iter()
        .any(|name| name.len() > NAME_BYTES_MAX)
    {
        return refuse(StatusCode::NOT_FOUND, "no agent has so long a name");
    }
    // Reading takes a while, and the other pages share this thread.
    let read = tokio::task::spawn_blocking(move || page.read_one(&tenant, &agent));
    let failed = |_| {
        refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the tree could not be read",
        )
    };
    read.await.unwrap_or_else(failed)
}

/// Whether a request comes from this machine and is addressed to it.
pub(super) fn is_local(caller: IpAddr, host: Option<&str>) -> bool {
    let Some(host) = host else {
        return false;
    };
    let named = host.rsplit_once(':').map_or(host, |(name, port)| {
        match port.bytes().all(|byte| byte.is_ascii_digit()) {
            true => name,
            false => host,
        }
    });
    let address = named.trim_start_matches('[').trim_end_matches(']');
    let loopback = |ip: IpAddr| ip.to_canonical().is_loopback();
    loopback(caller)
        && (named.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(loopback))
}

fn refuse(status: StatusCode, text: &str) -> Response {
    (status, format!("{text}\n")).into_response()
}
