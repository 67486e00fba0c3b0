//! What stands beside a token, written in a way that no document knows. The tokens themselves stay as they are.

use chrono::DateTime;

use super::node::Node;

const ENDS: [&str; 4] = ["expiredTime", "accessTokenExpiresAt", "refreshTokenExpiresAt", "expires_in"];
const SELLERS: [&str; 5] = ["mallId", "sellerId", "sellerName", "user_id", "user_name"];
const SCOPES: [&str; 4] =
    ["apiScopeList", "authEventCodeList", "appSubscribeEventCodeList", "associatedMallTokenList"];

/// One of four forms: the ends as text, the seller as an object, nothing for the scopes, all of it.
pub fn change(content: &mut Node, form: u64) {
    let Node::Object(members) = content else {
        return;
    };
    let form = form % 4;
    for (name, value) in members {
        let name = name.as_str();
        if ENDS.contains(&name) && matches!(form, 0 | 3) {
            *value = as_text(value);
        } else if SELLERS.contains(&name) && matches!(form, 1 | 3) {
            *value = Node::Object(vec![("id".to_owned(), value.clone())]);
        } else if SCOPES.contains(&name) && matches!(form, 2 | 3) {
            *value = Node::null();
        }
    }
}

/// A moment in ISO 8601; a length of time with its unit.
fn as_text(value: &Node) -> Node {
    let number = value.plain().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let seconds = if number > 99_999_999_999 { number / 1000 } else { number };
    match DateTime::from_timestamp(seconds, 0).filter(|_| seconds > 1_000_000_000) {
        Some(moment) => Node::string(&moment.to_rfc3339()),
        None => Node::string(&format!("{seconds}s")),
    }
}
