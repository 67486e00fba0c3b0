//! What can go wrong, and at which calls.

use Fits::{Calls, Lines, Lists, Money, OneThing, Things, Tokens, Updates, Windows};

/// What goes wrong. [`NAMED_FAULTS`](super::NAMED_FAULTS) says what each of them does.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    InternalError,
    BadGateway,
    /// With a `Retry-After` header if it says how long.
    TooManyRequests {
        retry_after_seconds: Option<u64>,
    },
    HtmlPage,
    Throttle,
    /// The platform's own refusal.
    Business {
        code: i64,
        message: String,
    },
    NotGranted,
    TokenExpired,
    TokenRevoked,
    StillCalculated,
    Truncated,
    Reset,
    LostReply,
    /// Holds the answer back for this long.
    Stall {
        milliseconds: u64,
    },
    UnreadableRow,
    EmptyList,
    Isolated500,
    Isolated501Code,
    IsolatedEmpty,
    IsolatedCut,
    IsolatedHtml,
    IsolatedHang,
    IsolatedRefused,
    NullNumber,
    NullItemNumber,
    NanRow,
    TotalCapped,
    RowsCapped,
    TotalOfPage,
    TotalZero,
    PageCapped,
    MaxRows500,
    Unfiltered,
    UnfilteredRows,
    EndlessTotal,
    NullPage,
    SplitOrder,
    KeyedSkus,
    TimeAhead,
    TimeOld,
    UnitSwapped,
    HistoryLimit,
    DateOff,
    DateHeaderEmpty,
    RetryAfterHuge,
    BusyWords,
    Http400Json,
    Http401Json,
    Http403Json,
    Http429Json,
    Front502Html,
    Front503Text,
    Gateway404Json,
    Waf403Html,
    Waf405Html,
    Gbk,
    GbkUnnamed,
    CharsetWrong,
    Bom,
    Gzip,
    GzipUnnamed,
    TrailingText,
    LeadingText,
    MoneyUnreadable,
    MoneyBusy,
    ApiGone,
    HugeNumber,
    HugeRow,
    ManyLines,
    OddNeighbour,
}

/// Which calls a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fits {
    /// Every call of every platform.
    Calls,
    /// Calls about one thing: details, items, amounts, stock.
    OneThing,
    /// Every thing that an answer is about: a row of a list, or the subject of a call of its own.
    Things,
    /// Things that have lines or items.
    Lines,
    /// Things that tell when they were updated.
    Updates,
    /// Calls that give rows and their total.
    Lists,
    /// Lists that take a window of time.
    Windows,
    /// Answers with amounts of money.
    Money,
    /// Calls that give tokens or tell whose a token is.
    Tokens,
}

impl Fits {
    /// Whether a share is meant of things, always the same ones, and not of calls.
    pub(super) fn is_about_things(self) -> bool {
        matches!(self, OneThing | Things | Lines | Updates | Money)
    }

    /// Whether the rows of an answer decide, one by one, and not the call.
    pub(super) fn is_decided_by_row(self) -> bool {
        matches!(self, Things | Lines | Updates)
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Calls => "every call",
            OneThing => "calls about one thing",
            Things => "rows and single things",
            Lines => "things with lines",
            Updates => "things with an update time",
            Lists => "lists",
            Windows => "lists by time",
            Money => "amounts of money",
            Tokens => "token calls",
        }
    }
}
