//! A message to people: the alerts that are raised, still raised or over, each in English with a Chinese line below. Pure.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::domain::record::Record;

/// The version of [`Message::json`]: raised when a field changes its meaning.
const JSON_VERSION: u32 = 1;

/// Everything that is sent at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub sent_at: DateTime<Utc>,
    /// Most urgent first.
    pub items: Vec<Item>,
}

/// One alert in a message. Contains no secret and no personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub state: AlertState,
    /// A stable word, such as `lag`.
    pub cause: &'static str,
    pub shop: Option<String>,
    pub record: Option<Record>,
    pub since: DateTime<Utc>,
    /// `None`: it lasts, or it happened at one moment.
    pub ended_at: Option<DateTime<Utc>>,
    pub english: String,
    pub chinese: String,
}

/// Whether an alert is new, still there or over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertState {
    Raised,
    /// It was sent before and is sent again.
    Standing,
    Over,
}

impl AlertState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Standing => "standing",
            Self::Over => "over",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Raised => "[!]",
            Self::Standing => "[…]",
            Self::Over => "[ok]",
        }
    }
}

impl Message {
    /// The message as text of at most `bytes_max`. Items that do not fit are counted.
    pub fn text(&self, bytes_max: usize) -> String {
        let head = self.head();
        let blocks: Vec<String> = self
            .items
            .iter()
            .map(|item| format!("\n{} {}\n    {}", item.state.mark(), item.english, item.chinese))
            .collect();
        let whole = head.len() + blocks.iter().map(String::len).sum::<usize>();
        if whole <= bytes_max {
            return head + &blocks.concat();
        }
        let mut text = cut(&head, bytes_max);
        // Leave room for the count. It is longest if nothing fits.
        let room = bytes_max.saturating_sub(more(blocks.len()).len());
        for (position, block) in blocks.iter().enumerate() {
            if text.len() + block.len() > room {
                if position == 0 {
                    let rest = room.saturating_sub(text.len());
                    text.push_str(&cut(block, rest));
                }
                let left = more(blocks.len() - position.max(1));
                if position.max(1) < blocks.len() && text.len() + left.len() <= bytes_max {
                    text.push_str(&left);
                }
                break;
            }
            text.push_str(block);
        }
        text
    }

    /// The message for programs.
    pub fn json(&self) -> Value {
        json!({
            "program": "shopsync",
            "version": JSON_VERSION,
            "sent_at": moment(self.sent_at),
            "title": self.head(),
            "alarms": self.items.iter().map(Item::json).collect::<Vec<_>>(),
        })
    }

    /// Begins with the program's name, for receivers that require a keyword.
    fn head(&self) -> String {
        let over = self.items.iter().filter(|item| item.state == AlertState::Over).count();
        let wrong = self.items.len() - over;
        match (wrong, over) {
            (wrong, 0) => format!("shopsync: {} · {wrong} 条告警", things(wrong, "alarm")),
            (0, over) => format!("shopsync: {} over · {over} 条恢复", things(over, "alarm")),
            (wrong, over) => {
                format!("shopsync: {}, {over} over · {wrong} 条告警，{over} 条恢复", things(wrong, "alarm"))
            }
        }
    }
}

impl Item {
    fn json(&self) -> Value {
        json!({
            "state": self.state.as_str(),
            "cause": self.cause,
            "shop": self.shop,
            "record": self.record.map(Record::as_str),
            "since": moment(self.since),
            "ended_at": self.ended_at.map(moment),
            "lasted_seconds": self.ended_at.map(|at| (at - self.since).num_seconds().max(0)),
            "text": self.english,
            "text_zh": self.chinese,
        })
    }
}

/// Cuts a text to at most `bytes_max`, between words if that loses little, and adds `…`.
pub fn cut(text: &str, bytes_max: usize) -> String {
    const MORE: &str = "…";
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let Some(room) = bytes_max.checked_sub(MORE.len()) else {
        return String::new();
    };
    let end = text.floor_char_boundary(room);
    let word_end = text[..end].rfind(char::is_whitespace).filter(|at| *at > end / 2).unwrap_or(end);
    format!("{}{MORE}", text[..word_end].trim_end())
}

fn more(count: usize) -> String {
    format!("\n… and {count} more: shopsync status · 另有 {count} 条")
}

fn things(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone};
    use proptest::prelude::*;

    use super::*;

    fn item(state: AlertState, english: &str) -> Item {
        let since = Utc.with_ymd_and_hms(2026, 11, 21, 10, 0, 0).unwrap();
        Item {
            state,
            cause: "lag",
            shop: Some("acme".to_owned()),
            record: Some(Record::Orders),
            since,
            ended_at: (state == AlertState::Over).then(|| since + TimeDelta::minutes(90)),
            english: english.to_owned(),
            chinese: "店铺落后".to_owned(),
        }
    }

    fn message(items: Vec<Item>) -> Message {
        Message { sent_at: Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap(), items }
    }

    #[test]
    fn a_message_has_raised_alerts_first_and_then_what_is_over() {
        let both =
            message(vec![item(AlertState::Raised, "one is late"), item(AlertState::Over, "two is back")]);
        assert_eq!(
            both.text(2_000),
            "shopsync: 1 alarm, 1 over · 1 条告警，1 条恢复\n[!] one is late\n    店铺落后\n[ok] two is back\n    店铺落后"
        );
        let json = both.json();
        assert_eq!(json["alarms"][1]["lasted_seconds"], 5_400);
        assert_eq!(json["alarms"][0]["ended_at"], Value::Null);
        assert_eq!(json["alarms"][0]["record"], "orders");
    }

    #[test]
    fn items_that_do_not_fit_are_counted() {
        let many = message((0..80).map(|n| item(AlertState::Raised, &format!("shop-{n} is late"))).collect());
        let text = many.text(2_048);
        assert!(text.len() <= 2_048);
        let listed = text.matches("is late").count();
        assert!(listed > 20, "{text}");
        assert!(
            text.ends_with(&format!("and {0} more: shopsync status · 另有 {0} 条", 80 - listed)),
            "{text}"
        );
    }

    #[test]
    fn a_text_is_cut_between_words() {
        assert_eq!(cut("read the orders", 13), "read the…");
        assert_eq!(cut("read", 4), "read");
        assert_eq!(cut("店铺落后", 8), "店…");
        assert_eq!(cut("read", 2), "");
    }

    proptest! {
        #[test]
        fn no_message_is_longer_than_its_receiver_accepts(
            texts in prop::collection::vec("[a-z 店铺]{0,300}", 1..30), bytes_max in 0_usize..5_000,
        ) {
            let items = texts.iter().map(|text| item(AlertState::Standing, text)).collect();
            prop_assert!(message(items).text(bytes_max).len() <= bytes_max);
        }
    }
}
