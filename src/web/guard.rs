//! Where a request comes from: a name that is ours, and for whatever changes something a page of ours, or no browser.
//!
//! A page elsewhere can make its reader's browser send us anything, and a name that its owner points at this machine
//! makes us that page's own server (DNS rebinding). The browser sends both: by `Host`, and by `Origin` and
//! `Sec-Fetch-Site`. No `X-Forwarded-…` is believed: behind a proxy, `[http] public_url` says who we are.

use std::net::IpAddr;

use axum::extract::{Extension, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

use super::answer::ApiError;
use super::server::Peer;
use super::{Web, gauges, health, names};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request is not looked at any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// It requests a name that is none of ours.
    Host,
    /// A browser sent it on behalf of a page that is none of ours.
    Origin,
    /// It carries cookies, and does not say which page sent it.
    Unsigned,
}

impl Foreign {
    fn reason(self) -> &'static str {
        match self {
            Self::Host => "its `Host` is no name of ours",
            Self::Origin => "another site's page sent it",
            Self::Unsigned => "it carries cookies but no `Origin`",
        }
    }

    fn answer(self) -> ApiError {
        match self {
            Self::Host => ApiError::new(
                StatusCode::MISDIRECTED_REQUEST,
                "wrong_host",
                "this is not served under that name; add it to `[http] hosts`, or set `[http] public_url` to the \
                 address browsers use",
            ),
            Self::Origin | Self::Unsigned => ApiError::new(
                StatusCode::FORBIDDEN,
                "wrong_origin",
                "this is only taken from a page of ours, or with `Authorization: Bearer`; behind a proxy, `[http] \
                 public_url` says which address is ours",
            ),
        }
    }
}

pub(super) async fn check(
    State(web): State<Web>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    // These hold no shop's data, and monitoring uses any name that a container has.
    if health::PATHS.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let app = web.live.app();
    let http = &app.config().http;
    let listed = &http.hosts;
    // A scraper that the config lists may call us what it likes.
    if request.uri().path() == gauges::PATH && listed.contains(&peer.remote.ip().to_canonical().to_string()) {
        return next.run(request).await;
    }
    let ours = Ours { local: peer.local.ip(), public: http.public_url.as_ref(), listed };
    let is_absolute = request.uri().authority().is_some();
    let looked_at = if is_absolute {
        // That is how a proxy is spoken to.
        Err(Foreign::Host)
    } else {
        look(request.method(), request.headers(), ours)
    };
    match looked_at {
        Ok(()) => next.run(request).await,
        Err(foreign) => {
            web.refusals.log(peer.remote.ip(), request.uri().path(), foreign.reason());
            foreign.answer().into_response()
        }
    }
}

/// The addresses and names that requests may use, beside the names of this machine.
#[derive(Clone, Copy)]
struct Ours<'a> {
    /// Our end of the request's connection.
    local: IpAddr,
    public: Option<&'a Url>,
    /// `[http] hosts`
    listed: &'a [String],
}

/// Whether the request comes to us by our name and, where it may change something, not from somewhere else's page.
fn look(method: &Method, headers: &HeaderMap, ours: Ours<'_>) -> Result<(), Foreign> {
    let host =
        only(headers, &header::HOST).and_then(|host| host.parse::<Authority>().ok()).ok_or(Foreign::Host)?;
    if host.as_str().contains('@') || !is_ours(host.host(), ours) {
        return Err(Foreign::Host);
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let origin = headers.get(header::ORIGIN);
    if origin.is_some()
        && !only(headers, &header::ORIGIN).is_some_and(|origin| is_own(origin, &host, ours.public))
    {
        return Err(Foreign::Origin);
    }
    let site = headers.get(SEC_FETCH_SITE);
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(Foreign::Origin);
    }
    if origin.is_none() && site.is_none() && headers.contains_key(header::COOKIE) {
        return Err(Foreign::Unsigned);
    }
    Ok(())
}

/// The names of this machine to itself, the address the connection came to, and what the config says.
fn is_ours(host: &str, ours: Ours<'_>) -> bool {
    let Ours { local, public, listed } = ours;
    let host = host.to_ascii_lowercase();
    if host == "localhost"
        || names::is_own(&host)
        || listed.contains(&host)
        || public.and_then(Url::host_str).is_some_and(|public| public == host)
    {
        return true;
    }
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&host);
    address.parse::<IpAddr>().is_ok_and(|address| {
        let address = address.to_canonical();
        address.is_loopback() || address == local.to_canonical() || listed.contains(&address.to_string())
    })
}

/// Whether a page of this origin is one of ours: of the address it was requested under, or of the public one.
fn is_own(origin: &str, host: &Authority, public: Option<&Url>) -> bool {
    let Ok(origin) = Url::parse(origin).map(|origin| origin.origin()) else {
        return false;
    };
    // Without a proxy that speaks TLS for us, we are spoken to in clear.
    let direct = Url::parse(&format!("http://{host}")).map(|direct| direct.origin());
    origin.is_tuple()
        && (direct.is_ok_and(|direct| direct == origin)
            || public.is_some_and(|public| public.origin() == origin))
}

/// The value of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::Foreign::{Host, Origin, Unsigned};
    use super::*;

    fn looked_at(method: &Method, given: &[(&'static str, &str)]) -> Result<(), Foreign> {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, value.parse().unwrap());
        }
        let public = Url::parse("https://shop.example/sync").unwrap();
        let listed = ["prom.example", "10.0.0.7"].map(str::to_owned);
        let ours = Ours { local: "10.0.0.5".parse().unwrap(), public: Some(&public), listed: &listed };
        look(method, &headers, ours)
    }

    #[test]
    fn only_names_of_ours_are_answered_to() {
        for (host, expected) in [
            ("localhost:8787", Ok(())),
            ("LOCALHOST", Ok(())),
            ("127.0.0.1:9000", Ok(())),
            ("127.8.8.8", Ok(())),
            ("[::1]:8787", Ok(())),
            ("10.0.0.5:8787", Ok(())),
            ("[::ffff:10.0.0.5]", Ok(())),
            ("shop.example", Ok(())),
            ("Shop.Example:443", Ok(())),
            ("prom.example:8787", Ok(())),
            ("PROM.example", Ok(())),
            ("10.0.0.7:8787", Ok(())),
            ("not.prom.example", Err(Host)),
            ("10.0.0.6", Err(Host)),
            ("rebound.example:8787", Err(Host)),
            ("localhost.rebound.example", Err(Host)),
            ("localhost@rebound.example", Err(Host)),
            ("rebound.example@localhost", Err(Host)),
            ("shop.example.", Err(Host)),
            ("", Err(Host)),
        ] {
            assert_eq!(looked_at(&Method::GET, &[("host", host)]), expected, "{host}");
        }
        let own = rustix::system::uname().nodename().to_string_lossy().into_owned();
        assert_eq!(looked_at(&Method::GET, &[("host", &format!("{own}:8787"))]), Ok(()), "{own}");
        assert_eq!(looked_at(&Method::GET, &[]), Err(Host));
        assert_eq!(looked_at(&Method::GET, &[("host", "localhost"), ("host", "localhost")]), Err(Host));
    }

    #[test]
    fn only_pages_of_ours_change_anything() {
        type Case<'a> = (&'a str, &'a [(&'static str, &'a str)], Result<(), Foreign>);
        let cases: &[Case<'_>] = &[
            ("localhost:8787", &[], Ok(())),
            ("localhost:8787", &[("origin", "http://localhost:8787")], Ok(())),
            ("localhost", &[("origin", "http://localhost")], Ok(())),
            ("localhost:8787", &[("origin", "https://shop.example")], Ok(())),
            (
                "shop.example",
                &[("origin", "https://shop.example"), ("sec-fetch-site", "same-origin")],
                Ok(()),
            ),
            ("localhost:8787", &[("sec-fetch-site", "none")], Ok(())),
            ("localhost:8787", &[("cookie", "a=b"), ("sec-fetch-site", "same-origin")], Ok(())),
            ("localhost:8787", &[("cookie", "a=b")], Err(Unsigned)),
            ("localhost:8787", &[("origin", "http://localhost:3000")], Err(Origin)),
            ("localhost:8787", &[("origin", "https://localhost:8787")], Err(Origin)),
            ("localhost:8787", &[("origin", "http://shop.example")], Err(Origin)),
            ("localhost:8787", &[("origin", "https://shop.example.evil.example")], Err(Origin)),
            ("localhost:8787", &[("origin", "null")], Err(Origin)),
            ("localhost:8787", &[("origin", "file://")], Err(Origin)),
            ("localhost:8787", &[("sec-fetch-site", "same-site")], Err(Origin)),
            ("localhost:8787", &[("sec-fetch-site", "cross-site")], Err(Origin)),
            (
                "localhost:8787",
                &[("origin", "http://localhost:8787"), ("sec-fetch-site", "cross-site")],
                Err(Origin),
            ),
            (
                "localhost:8787",
                &[("origin", "http://localhost:8787"), ("origin", "http://evil.example")],
                Err(Origin),
            ),
        ];
        for (host, given, expected) in cases {
            let given: Vec<_> = [("host", *host)].into_iter().chain(given.iter().copied()).collect();
            assert_eq!(looked_at(&Method::POST, &given), *expected, "{given:?}");
        }
        let foreign = [("host", "localhost"), ("origin", "http://evil.example")];
        assert_eq!(looked_at(&Method::GET, &foreign), Ok(()), "the browser keeps the answer from that page");
    }
}
