//! What an app must be: of a known platform and zone, with a key, at a gateway that can be trusted.

use url::{Host, Url};

use crate::config::AppConfig;
use crate::config::problem::{Findings, nearest};
use crate::platform::{Profile, profiles};

/// No platform allows anywhere near it; a guard against a slipped digit.
const REQUESTS_PER_SECOND_MAX: f64 = 1000.0;

pub fn validate(name: &str, app: &AppConfig, findings: &mut Findings<'_>) {
    super::name(&["apps", name], name, findings);
    let Some(profile) = app.profile() else {
        return unknown_platform(name, app, findings);
    };
    zone(name, app, profile, findings);
    if app.app_key.trim().is_empty() {
        findings.problem(&["apps", name, "app_key"], "set the app key that the platform's console shows");
    }
    if !profile.has_secret {
        for (key, is_set) in
            [("app_secret", app.app_secret.is_some()), ("app_secret_file", app.app_secret_file.is_some())]
        {
            if is_set {
                let message = format!("platform `{}` has no app secret: take it out", profile.name);
                findings.problem(&["apps", name, key], message);
            }
        }
    }
    if let Some(gateway) = &app.gateway {
        self::gateway(name, gateway, profile, findings);
    }
    if let Some(proxy) = &app.proxy
        && (!matches!(proxy.scheme(), "http" | "https" | "socks5") || proxy.host().is_none())
    {
        findings.problem(&["apps", name, "proxy"], "expected http://, https:// or socks5:// and a host");
    }
    if let Some(rate) = app.requests_per_second
        && !(rate > 0.0 && rate <= REQUESTS_PER_SECOND_MAX)
    {
        let message = format!("expected more than 0 and at most {REQUESTS_PER_SECOND_MAX}, found {rate}");
        findings.problem(&["apps", name, "requests_per_second"], message);
    }
    if app.redirect_uri.as_ref().is_some_and(|uri| Url::parse(uri).is_err()) {
        let message = "this is not an address such as https://example.com/callback";
        findings.problem(&["apps", name, "redirect_uri"], message);
    }
}

fn unknown_platform(name: &str, app: &AppConfig, findings: &mut Findings<'_>) {
    let known: Vec<&str> = profiles().into_iter().map(|profile| profile.name).collect();
    let path = ["apps", name, "platform"];
    if app.platform.is_empty() {
        findings.problem(&path, format!("name its platform: {}", known.join(", ")));
    } else {
        super::one_of(&path, &app.platform, &known, findings);
    }
}

fn zone(name: &str, app: &AppConfig, profile: &Profile, findings: &mut Findings<'_>) {
    let path = ["apps", name, "zone"];
    let known: Vec<&str> = profile.zones.iter().map(|zone| zone.name).collect();
    match &app.zone {
        None if known.is_empty() => {}
        None => {
            let message = format!("platform `{}` needs a zone: {}", profile.name, known.join(", "));
            findings.problem(&path, message);
        }
        Some(_) if known.is_empty() => {
            findings.problem(&path, format!("platform `{}` has no zones: take it out", profile.name));
        }
        Some(zone) => super::one_of(&path, zone, &known, findings),
    }
}

fn gateway(name: &str, gateway: &Url, profile: &Profile, findings: &mut Findings<'_>) {
    let path = ["apps", name, "gateway"];
    let is_safe = match gateway.scheme() {
        "https" => gateway.host().is_some(),
        "http" => is_loopback(gateway),
        _ => false,
    };
    if !is_safe {
        findings.problem(
            &path,
            "expected https://: secrets and tokens travel there (http:// only to this machine)",
        );
    }
    let host = gateway.host_str().unwrap_or_default();
    if profile.doubtful_hosts.contains(&host) {
        let known = profile.gateway.into_iter().chain(profile.zones.iter().map(|zone| zone.gateway));
        let meant = nearest(gateway.as_str(), known.clone()).or_else(|| known.clone().next());
        let hint = meant.map(|address| format!("; the documented one is {address}"));
        let message = format!("no official page knows the host {host}{}", hint.unwrap_or_default());
        findings.warning(&path, message);
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
