//! Simulated 115: logins by a scanned code, pairs of tokens, and one call that tells whose a token is. Nothing to sell.

use std::collections::HashMap;

use super::faults::{FaultKind, Struck};
use super::json::Json;
use super::world::{Answer, World};
use super::{busy, distort};

mod control;
mod login;
pub mod state;
mod tokens;

pub use control::{Control, act, check, write_truth};

/// As the program's config calls it.
pub const OPEN115_PLATFORM: &str = "115";
/// The one registered app; it has no secret.
pub const OPEN115_APP_ID: &str = "100195001";

/// Everything of 115 lies below it, whatever host does it on the live platform.
pub const ROOT: &str = "/115";

/// What can be asked of 115.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Begin,
    Status,
    Exchange,
    Refresh,
    User,
}

impl Call {
    pub const ALL: [Self; 5] = [Self::Begin, Self::Status, Self::Exchange, Self::Refresh, Self::User];

    /// Below [`ROOT`]; also the name for counters and faults.
    pub fn path(self) -> &'static str {
        match self {
            Self::Begin => "/open/authDeviceCode",
            Self::Status => "/get/status/",
            Self::Exchange => "/open/deviceCodeToToken",
            Self::Refresh => "/open/refreshToken",
            Self::User => "/open/user/info",
        }
    }

    /// The others are posted as forms.
    pub fn is_get(self) -> bool {
        matches!(self, Self::Status | Self::User)
    }

    fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Begin => &["client_id", "code_challenge", "code_challenge_method"],
            Self::Status => &["uid", "time", "sign"],
            Self::Exchange => &["uid", "code_verifier"],
            Self::Refresh => &["refresh_token"],
            Self::User => &[],
        }
    }
}

/// What came with a call.
pub struct RequestFields {
    pub fields: HashMap<String, String>,
    /// The whole `Authorization` header.
    pub authorization: Option<String>,
}

impl RequestFields {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// A "no". HTTP says 200 all the same.
struct DriveRefusal {
    code: i64,
    message: String,
}

fn refuse<T>(code: i64, message: &str) -> Result<T, DriveRefusal> {
    Err(DriveRefusal { code, message: message.to_owned() })
}

/// The whole answer to one call.
pub fn answer(world: &mut World, call: Call, sent: &RequestFields, struck: &Struck) -> Answer {
    // The passport's hosts say 1 and 0, the API's host true and false.
    let is_api = call == Call::User;
    let state = |json: &mut Json, yes: bool| {
        if is_api {
            json.boolean("state", yes);
        } else {
            json.number("state", i64::from(yes));
        }
    };
    let says_errno = world.open115.settings.says_errno;
    let result = checked(world, call, sent, struck).map(|content| distort::token_content(struck, content));
    let is_accepted = result.is_ok();
    let text = Json::object(|json| match result {
        Ok(content) => {
            state(json, true);
            json.number("code", 0);
            json.string("message", "");
            json.raw("data", &content);
        }
        Err(DriveRefusal { code, message }) if says_errno => {
            state(json, false);
            json.number("errno", code);
            json.string("error", &message);
        }
        Err(DriveRefusal { code, message }) => {
            state(json, false);
            json.number("code", code);
            json.string("message", &message);
            json.raw("data", "[]");
        }
    });
    Answer { text, is_accepted, rows: 0 }
}

fn checked(
    world: &mut World,
    call: Call,
    sent: &RequestFields,
    struck: &Struck,
) -> Result<String, DriveRefusal> {
    let known = call.parameters();
    let strangers = sent.fields.keys().filter(|name| !known.contains(&name.as_str())).count();
    world.counters.violations.unknown_parameter += strangers as u64;
    injected(call, struck)?;
    match call {
        Call::Begin => login::begin(world, sent),
        Call::Status => login::status(world, sent),
        Call::Exchange => login::exchange(world, sent),
        Call::Refresh => tokens::refresh(world, sent),
        Call::User => tokens::user(world, sent),
    }
}

fn injected(call: Call, struck: &Struck) -> Result<(), DriveRefusal> {
    match struck.whole() {
        Some(fault @ FaultKind::BusyWords) => {
            let form = struck.strike(fault).map_or(0, |strike| strike.form);
            refuse(busy::OPEN115_CODE, busy::words(form))
        }
        Some(FaultKind::Http400Json) => refuse(40_140_100, "client_id 错误"),
        Some(FaultKind::Http401Json | FaultKind::Http403Json) => refuse(40_140_125, "access_token 无效"),
        Some(FaultKind::Throttle | FaultKind::Http429Json) if call == Call::Refresh => {
            refuse(40_140_117, "refresh frequently")
        }
        Some(FaultKind::Throttle | FaultKind::Http429Json) => refuse(770_004, "已达到当前访问上限"),
        Some(FaultKind::Business { code, message }) => refuse(*code, message),
        Some(FaultKind::TokenExpired | FaultKind::TokenRevoked) if call == Call::User => {
            refuse(40_140_125, "access_token 无效")
        }
        _ => Ok(()),
    }
}
