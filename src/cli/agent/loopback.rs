//! Asks a process on this machine for one page. A page of this size over loopback needs no more of
//! HTTP than one request and one whole response.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use url::Url;

use crate::cli::exit::CommandFailure;
use crate::cli::output::printable;
use crate::detector::agent_tree::AgentTree;
use crate::event::AgentKey;

/// The longest wait for a connection, and for each part of the response.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Bytes of a response that are read.
const RESPONSE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Characters of a refusal that are printed.
const REFUSAL_CHARS_MAX: usize = 500;

/// The tree of an agent as the process at `url` knows it.
pub(super) fn request_tree(url: &str, agent: &AgentKey) -> Result<AgentTree, CommandFailure> {
    let address = loopback_address(url).map_err(CommandFailure::bad_input)?;
    let failed = |what: String| CommandFailure::at_runtime(format!("{url}: {what}"));
    let path = format!(
        "/agents/{}/{}/tree",
        percent_encode(&agent.tenant),
        percent_encode(&agent.agent)
    );
    let response = request_page(address, &path).map_err(|error| failed(error.to_string()))?;
    match parse_response(&response) {
        Some((200, body)) => serde_json::from_slice(body)
            .map_err(|error| failed(format!("the response is no tree: {error}"))),
        Some((status, body)) => {
            let text = String::from_utf8_lossy(body);
            let text: String = text.trim().chars().take(REFUSAL_CHARS_MAX).collect();
            let text = printable(&text);
            Err(match status {
                404 if !text.is_empty() => CommandFailure::bad_input(format!("{url}: {text}")),
                _ => failed(format!("status {status}: {text}")),
            })
        }
        None => Err(failed("the response is not whole".to_owned())),
    }
}

/// The address in a URL; a complaint where it is not of this machine.
fn loopback_address(text: &str) -> Result<SocketAddr, String> {
    let shown = "expected http:// and an address of this machine, such as http://127.0.0.1:9464";
    let url = Url::parse(text).map_err(|error| format!("{text}: {error}; {shown}"))?;
    let host = url.host_str().filter(|_| url.scheme() == "http");
    let (Some(host), true) = (host, matches!(url.path(), "" | "/")) else {
        return Err(format!("{text}: {shown}"));
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(80);
    let found = (host, port)
        .to_socket_addrs()
        .map_err(|error| format!("{text}: {error}"))?;
    found
        .into_iter()
        .find(|address| address.ip().is_loopback())
        .ok_or_else(|| format!("{text}: the page is for this machine only; {shown}"))
}

fn request_page(address: SocketAddr, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, WAIT_MAX)?;
    stream.set_read_timeout(Some(WAIT_MAX))?;
    stream.set_write_timeout(Some(WAIT_MAX))?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    stream.take(RESPONSE_BYTES_MAX).read_to_end(&mut response)?;
    Ok(response)
}

/// Status and body; `None` unless the response is whole.
fn parse_response(response: &[u8]) -> Option<(u16, &[u8])> {
    let end = response.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(response.get(..end)?).ok()?;
    let body = response.get(end + 4..)?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    let length: usize = length.1.trim().parse().ok()?;
    (body.len() == length).then_some((status.parse().ok()?, body))
}

/// A name as one segment of a path: dots too, because `..` would leave the path.
fn percent_encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_of_this_machine_is_asked() {
        for (url, port) in [
            ("http://127.0.0.1:9464", Some(9464)),
            ("http://127.8.8.8:1/", Some(1)),
            ("http://[::1]:9464", Some(9464)),
            ("http://127.0.0.1", Some(80)),
            ("https://127.0.0.1:9464", None),
            ("http://192.0.2.1:9464", None),
            ("http://127.0.0.1:9464/agents", None),
            ("127.0.0.1:9464", None),
            ("", None),
        ] {
            let found = loopback_address(url).ok().map(|address| address.port());
            assert_eq!(found, port, "{url}");
        }
    }

    #[test]
    fn a_response_counts_only_if_it_is_whole() {
        let whole = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno";
        assert_eq!(parse_response(whole), Some((404, &b"no"[..])));
        for cut in 0..whole.len() {
            assert_eq!(parse_response(&whole[..cut]), None, "{cut}");
        }
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        assert_eq!(parse_response(chunked), None);
    }

    #[test]
    fn a_name_is_one_segment_of_a_path() {
        assert_eq!(percent_encode("a-b_c~9"), "a-b_c~9");
        assert_eq!(percent_encode("../a%2F é"), "%2E%2E%2Fa%252F%20%C3%A9");
    }
}
