//! One call from body to answer: faults first, then the platform, then what becomes of the answer on its way.

use std::time::Duration;

use super::accounts::Platform;
use super::faults::FaultKind;
use super::flat::FlatBody;
use super::world::World;
use super::{open115, temu, xiaohongshu};

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json;charset=UTF-8";
const HTML_PAGE: &str = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad \
                         Gateway</h1></center><hr><center>nginx</center></body></html>";

/// What goes back over the wire.
pub(super) struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub retry_after_seconds: Option<u64>,
    pub body: String,
    pub delivery: Delivery,
}

/// What becomes of an answer on its way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Delivery {
    Whole,
    /// The connection is reset once half of the body is out.
    ResetHalfway,
    /// The connection is reset before the first byte.
    ResetBefore,
    Stalled(Duration),
}

/// Which of a platform's gateways was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gateway {
    Temu,
    /// Temu's partner zone, which has no orders and a token call of another name.
    TemuPartner,
    /// Temu's CN zone: no orders either, an older name for its goods, error codes of its own.
    TemuCn,
    Xiaohongshu,
}

impl Gateway {
    pub(super) fn platform(self) -> Platform {
        match self {
            Self::Temu | Self::TemuPartner | Self::TemuCn => Platform::Temu,
            Self::Xiaohongshu => Platform::Xiaohongshu,
        }
    }
}

/// Answers one call.
pub(super) fn answer(world: &mut World, gateway: Gateway, body: &[u8]) -> Reply {
    let platform = gateway.platform();
    let body = FlatBody::parse(body);
    let name = match platform {
        Platform::Temu => "type",
        Platform::Xiaohongshu => "method",
    };
    let api = body.as_ref().and_then(|body| body.text(name)).unwrap_or_default();
    let names = |number: &str| body.as_ref().is_some_and(|body| body.names(number));
    through(world, Some(platform), &api, names, |world, fault| match gateway {
        Gateway::Temu | Gateway::TemuPartner | Gateway::TemuCn => {
            temu::answer(world, gateway, body.as_ref(), fault)
        }
        Gateway::Xiaohongshu => xiaohongshu::answer(world, body.as_ref(), fault),
    })
}

/// Answers one call of 115, whose APIs have addresses of their own.
pub(super) fn answer_115(world: &mut World, call: open115::Call, sent: &open115::Sent) -> Reply {
    through(world, None, call.path(), |_| false, |world, fault| open115::answer(world, call, sent, fault))
}

/// Counts a call, and lets `act` answer it unless trouble comes first.
fn through(
    world: &mut World,
    platform: Option<Platform>,
    api: &str,
    names: impl Fn(&str) -> bool,
    act: impl FnOnce(&mut World, Option<&FaultKind>) -> String,
) -> Reply {
    *world.counters.calls.entry(api.to_owned()).or_default() += 1;
    let fault = world.faults.strike(platform, api, names, &mut world.random);
    if let Some(reply) = fault.as_ref().and_then(edge_reply) {
        return reply;
    }
    let text = act(world, fault.as_ref());
    let reply = deliver(text, fault.as_ref());
    match world.manners.held_back.take() {
        Some(pause) => Reply { delivery: Delivery::Stalled(pause), ..reply },
        None => reply,
    }
}

/// What never reaches the platform's own gateway.
fn edge_reply(fault: &FaultKind) -> Option<Reply> {
    let reply = |status, content_type, body: &str| Reply {
        status,
        content_type,
        retry_after_seconds: None,
        body: body.to_owned(),
        delivery: Delivery::Whole,
    };
    Some(match fault {
        FaultKind::InternalError => reply(500, "text/plain", "Internal Server Error"),
        FaultKind::BadGateway => reply(502, HTML, HTML_PAGE),
        FaultKind::TooManyRequests { retry_after_seconds } => Reply {
            retry_after_seconds: *retry_after_seconds,
            ..reply(429, "text/plain", "Too Many Requests")
        },
        FaultKind::EmptyBody => reply(200, JSON, ""),
        FaultKind::HtmlPage => reply(200, HTML, "<html><body>System upgrade in progress</body></html>"),
        _ => return None,
    })
}

fn deliver(mut text: String, fault: Option<&FaultKind>) -> Reply {
    let delivery = match fault {
        Some(FaultKind::Reset) => Delivery::ResetHalfway,
        Some(FaultKind::LostReply) => Delivery::ResetBefore,
        Some(FaultKind::Stall { milliseconds }) => Delivery::Stalled(Duration::from_millis(*milliseconds)),
        Some(FaultKind::Truncated) => {
            let half = text.floor_char_boundary(text.len() / 2);
            text.truncate(half);
            Delivery::Whole
        }
        _ => Delivery::Whole,
    };
    Reply { status: 200, content_type: JSON, retry_after_seconds: None, body: text, delivery }
}
