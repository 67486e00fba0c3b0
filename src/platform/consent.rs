//! The address where an owner grants access: the platform's own page, or the sandbox's when the gateway is on
//! this machine.

use url::Url;

use super::http::is_loopback;

/// The page's address with `query`, without members that are empty. `None`: the platform has no such page.
pub fn page(gateway: &Url, platform: &str, live: Option<&str>, query: &[(&str, &str)]) -> Option<String> {
    let mut address = if is_loopback(gateway) {
        gateway.join(&format!("/authorize/{platform}")).ok()?
    } else {
        Url::parse(live?).ok()?
    };
    let given = query.iter().filter(|(_, value)| !value.is_empty());
    address.query_pairs_mut().extend_pairs(given);
    Some(address.into())
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::page;

    const LIVE: Option<&str> = Some("https://ark.example.com/authorization");

    #[test]
    fn the_sandbox_has_a_page_of_its_own_and_no_one_else_is_sent_there() {
        let query = [("appId", "a b"), ("redirectUri", ""), ("state", "s&1")];
        for (gateway, live, expected) in [
            (
                "https://openapi.example.com/router",
                LIVE,
                Some("https://ark.example.com/authorization?appId=a+b&state=s%261"),
            ),
            ("https://openapi.example.com/router", None, None),
            (
                "http://127.0.0.1:8790/market/router?x=1",
                LIVE,
                Some("http://127.0.0.1:8790/authorize/market?appId=a+b&state=s%261"),
            ),
        ] {
            let gateway = Url::parse(gateway).unwrap();
            assert_eq!(page(&gateway, "market", live, &query).as_deref(), expected, "{gateway}");
        }
    }
}
