//! One call from body to answer: faults first, then the platform, then what becomes of the answer on its way.

use std::time::Duration;

use super::accounts::{Gateway, Platform};
use super::bytes::Body;
use super::distort::named_things;
use super::faults::{FaultKind, FaultTarget, Struck};
use super::flat::FlatBody;
use super::front::Page;
use super::layout::layout;
use super::world::{Answer, World};
use super::{bytes, front, open115, temu, xiaohongshu};

const JSON: &str = "application/json;charset=UTF-8";

/// What goes back over the wire.
pub struct Reply {
    pub status: u16,
    /// `None`: none. Not always a number of seconds.
    pub retry_after: Option<String>,
    pub body: Body,
    pub delivery: Delivery,
    pub date: Date,
}

/// What the `Date` header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Date {
    /// The platform's time, and so many seconds more.
    Ahead(u64),
    Empty,
}

/// What becomes of an answer on its way.
#[derive(Clone, Copy, Debug)]
pub enum Delivery {
    Whole,
    /// The connection is reset once half of the body is out.
    ResetHalfway,
    /// The connection is reset before the first byte.
    ResetBefore,
    Stalled(Duration),
}

/// Answers one call.
pub fn answer(world: &mut World, gateway: Gateway, body: &[u8]) -> Reply {
    let platform = gateway.platform();
    let body = FlatBody::parse(body);
    let name = match platform {
        Platform::Temu => "type",
        Platform::Xiaohongshu => "method",
    };
    let api = body.as_ref().and_then(|body| body.text(name)).unwrap_or_default();
    through(world, Some(platform), &api, body.as_ref(), |world, struck| match gateway {
        Gateway::Temu | Gateway::TemuPartner | Gateway::TemuCn => {
            temu::answer(world, gateway, body.as_ref(), struck)
        }
        Gateway::Xiaohongshu => xiaohongshu::answer(world, body.as_ref(), struck),
    })
}

/// Answers one call of 115, whose APIs have addresses of their own.
pub fn answer_115(world: &mut World, call: open115::Call, sent: &open115::RequestFields) -> Reply {
    through(world, None, call.path(), None, |world, struck| open115::answer(world, call, sent, struck))
}

/// Counts a call, and lets `act` answer it unless trouble comes first.
fn through(
    world: &mut World,
    platform: Option<Platform>,
    api: &str,
    body: Option<&FlatBody>,
    act: impl FnOnce(&mut World, &Struck) -> Answer,
) -> Reply {
    *world.counters.calls.entry(api.to_owned()).or_default() += 1;
    let struck = strike(world, platform, api, body);
    if let Some(page) = struck.whole().and_then(|fault| front::page(fault, &struck)) {
        return sent_by_front(page, &struck);
    }
    let answer = act(world, &struck);
    let is_too_much =
        struck.strike(&FaultKind::MaxRows500).is_some_and(|strike| answer.rows as u64 > strike.parameter);
    if is_too_much {
        return sent_by_front(front::internal_error(), &struck);
    }
    if answer.is_accepted
        && let Some(page) = struck.whole().and_then(front::page_instead)
    {
        return sent_by_front(page, &struck);
    }
    let reply = deliver(answer, &struck);
    match world.manners.held_back.take() {
        Some(pause) => Reply { delivery: Delivery::Stalled(pause), ..reply },
        None => reply,
    }
}

fn strike(world: &mut World, platform: Option<Platform>, api: &str, body: Option<&FlatBody>) -> Struck {
    let layout = layout(platform, api);
    let numbers = match (layout, body) {
        (Some(layout), Some(body)) => named_things(body, layout),
        _ => Vec::new(),
    };
    let seed = world.settings().seed;
    world.faults.strike(&FaultTarget { platform, api, layout, numbers, seed }, &mut world.random)
}

/// What something in front of the platform writes.
fn sent_by_front(page: Page, struck: &Struck) -> Reply {
    let Page { status, content_type, retry_after, text } = page;
    let body =
        Body { bytes: text.into_bytes(), content_type: content_type.to_owned(), content_encoding: None };
    Reply { status, retry_after, body, delivery: Delivery::Whole, date: date(struck) }
}

fn deliver(answer: Answer, struck: &Struck) -> Reply {
    let Answer { mut text, is_accepted, .. } = answer;
    let mut status = 200;
    let mut delivery = Delivery::Whole;
    match struck.whole() {
        Some(FaultKind::Reset) => delivery = Delivery::ResetHalfway,
        Some(FaultKind::LostReply) => delivery = Delivery::ResetBefore,
        Some(FaultKind::Stall { milliseconds }) => {
            delivery = Delivery::Stalled(Duration::from_millis(*milliseconds));
        }
        Some(FaultKind::IsolatedHang) if is_accepted => {
            let milliseconds = struck.strike(&FaultKind::IsolatedHang).map_or(0, |strike| strike.parameter);
            delivery = Delivery::Stalled(Duration::from_millis(milliseconds));
        }
        Some(FaultKind::IsolatedCut) if is_accepted => halve(&mut text),
        Some(FaultKind::Truncated) => halve(&mut text),
        Some(FaultKind::Http400Json) => status = 400,
        Some(FaultKind::Http401Json) => status = 401,
        Some(FaultKind::Http403Json) => status = 403,
        Some(FaultKind::Http429Json) => status = 429,
        _ => {}
    }
    let body = bytes::body(text, JSON, struck);
    Reply { status, retry_after: None, body, delivery, date: date(struck) }
}

fn halve(text: &mut String) {
    let half = text.floor_char_boundary(text.len() / 2);
    text.truncate(half);
}

fn date(struck: &Struck) -> Date {
    if struck.strike(&FaultKind::DateHeaderEmpty).is_some() {
        return Date::Empty;
    }
    Date::Ahead(struck.strike(&FaultKind::DateOff).map_or(0, |strike| strike.parameter))
}
