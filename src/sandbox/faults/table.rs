//! Every fault by its name: what it does, which calls it fits, and the number it can be given.

use std::fmt::Write as _;
use std::mem::discriminant;

use super::kinds::Fits::{Calls, Lines, Lists, Money, OneThing, Things, Tokens, Updates, Windows};
use super::kinds::{FaultKind, Fits};

/// One entry of the table.
#[derive(Clone, Debug)]
pub struct NamedFault {
    pub name: &'static str,
    pub kind: FaultKind,
    pub fits: Fits,
    /// The number it is given where no one says another. `None`: it takes none, or picks by itself.
    pub parameter: Option<u64>,
    pub what: &'static str,
}

const STALL_MILLISECONDS: u64 = 60_000;

const fn fault(name: &'static str, kind: FaultKind, fits: Fits, what: &'static str) -> NamedFault {
    NamedFault { name, kind, fits, parameter: None, what }
}

impl NamedFault {
    const fn with(mut self, parameter: u64) -> Self {
        self.parameter = Some(parameter);
        self
    }
}

/// Every fault that has a name of its own.
pub const NAMED_FAULTS: &[NamedFault] = &[
    fault("internal-error", FaultKind::InternalError, Calls, "HTTP 500 with a short text"),
    fault("bad-gateway", FaultKind::BadGateway, Calls, "HTTP 502 with a page of HTML"),
    fault("too-many-requests", FaultKind::TooManyRequests { retry_after_seconds: None }, Calls, "HTTP 429"),
    fault("html-page", FaultKind::HtmlPage, Calls, "HTTP 200 with a page of HTML"),
    fault("throttle", FaultKind::Throttle, Calls, "the platform's own \"too many calls\""),
    fault("not-granted", FaultKind::NotGranted, Calls, "the grant does not cover this API"),
    fault("token-expired", FaultKind::TokenExpired, Calls, "the access token has expired"),
    fault("token-revoked", FaultKind::TokenRevoked, Calls, "the access token is not known"),
    fault("still-calculated", FaultKind::StillCalculated, Calls, "\"still being calculated\": ask later"),
    fault("truncated", FaultKind::Truncated, Calls, "HTTP 200 with the first half of the JSON"),
    fault("reset", FaultKind::Reset, Calls, "the connection is reset in the middle of the answer"),
    fault("lost-reply", FaultKind::LostReply, Calls, "acts on the call, then resets the connection"),
    fault(
        "stall",
        FaultKind::Stall { milliseconds: STALL_MILLISECONDS },
        Calls,
        "holds the answer back, milliseconds",
    )
    .with(STALL_MILLISECONDS),
    fault("unreadable-row", FaultKind::UnreadableRow, Calls, "the first row of a list cannot be read"),
    fault("empty-list", FaultKind::EmptyList, Calls, "a list says that it holds nothing"),
    // One bad thing among good ones.
    fault("isolated-500", FaultKind::Isolated500, OneThing, "a thing's own call answers HTTP 500"),
    fault("isolated-501-code", FaultKind::Isolated501Code, OneThing, "a thing's own call answers code 501"),
    fault("isolated-empty", FaultKind::IsolatedEmpty, OneThing, "a thing's own call answers an empty body"),
    fault("isolated-cut", FaultKind::IsolatedCut, OneThing, "a thing's own call answers half of its JSON"),
    fault("isolated-html", FaultKind::IsolatedHtml, OneThing, "a thing's own call answers a page of HTML"),
    fault(
        "isolated-hang",
        FaultKind::IsolatedHang,
        OneThing,
        "a thing's own call is never answered, milliseconds",
    )
    .with(STALL_MILLISECONDS),
    fault(
        "isolated-refused",
        FaultKind::IsolatedRefused,
        OneThing,
        "a thing's own call is refused: not yours to see",
    ),
    fault("null-number", FaultKind::NullNumber, Things, "a thing's own number is null"),
    fault(
        "null-item-number",
        FaultKind::NullItemNumber,
        Lines,
        "the numbers of a thing's lines or items are null",
    ),
    fault(
        "nan-row",
        FaultKind::NanRow,
        Things,
        "NaN, Infinity, \\', a raw control character or a hex number in a thing",
    ),
    // Totals, pages and filters.
    fault("total-capped", FaultKind::TotalCapped, Lists, "no total above this").with(10_000),
    fault("rows-capped", FaultKind::RowsCapped, Lists, "no total above this, and no rows behind it")
        .with(10_000),
    fault("total-of-page", FaultKind::TotalOfPage, Lists, "the total counts this page alone"),
    fault("total-zero", FaultKind::TotalZero, Lists, "the total is this, whatever the rows").with(0),
    fault("page-capped", FaultKind::PageCapped, Lists, "no page is larger than this, whatever is asked for")
        .with(50),
    fault("max-rows-500", FaultKind::MaxRows500, Lists, "an answer of more rows than this is HTTP 500")
        .with(40),
    fault("unfiltered", FaultKind::Unfiltered, Lists, "the total of everything, whatever the filter"),
    fault(
        "unfiltered-rows",
        FaultKind::UnfilteredRows,
        Windows,
        "rows and total of everything, whatever the window",
    ),
    fault("endless-total", FaultKind::EndlessTotal, Lists, "this total, and not a single row")
        .with(1_000_000_000),
    fault(
        "null-page",
        FaultKind::NullPage,
        Lists,
        "an empty page comes as null, not at all, {}, [] or with null rows",
    ),
    fault(
        "split-order",
        FaultKind::SplitOrder,
        Lines,
        "two rows of one order in a page, each with lines of its own",
    ),
    fault("keyed-skus", FaultKind::KeyedSkus, Lines, "the lines come as an object with numbers for names"),
    // Times.
    fault(
        "time-ahead",
        FaultKind::TimeAhead,
        Updates,
        "once for each version its update time is ahead, seconds",
    )
    .with(28_800),
    fault(
        "time-old",
        FaultKind::TimeOld,
        Updates,
        "once for each version its update time is this, Unix seconds",
    )
    .with(1_000_000_000),
    fault(
        "unit-swapped",
        FaultKind::UnitSwapped,
        Things,
        "times in milliseconds for seconds and the other way round",
    ),
    fault(
        "history-limit",
        FaultKind::HistoryLimit,
        Windows,
        "a window that begins earlier than so many days ago is refused",
    )
    .with(90),
    fault(
        "date-off",
        FaultKind::DateOff,
        Calls,
        "the Date header is ahead by so many seconds, the clock is right",
    )
    .with(3_600),
    fault("date-header-empty", FaultKind::DateHeaderEmpty, Calls, "the Date header says nothing"),
    fault(
        "retry-after-huge",
        FaultKind::RetryAfterHuge,
        Calls,
        "HTTP 429 with a Retry-After that makes no sense",
    ),
    // Words, codes, bodies.
    fault(
        "busy-words",
        FaultKind::BusyWords,
        Calls,
        "an unlisted code whose text says that the platform is busy",
    ),
    fault(
        "http-400-json",
        FaultKind::Http400Json,
        Calls,
        "HTTP 400 with the usual JSON: the app is not known",
    ),
    fault(
        "http-401-json",
        FaultKind::Http401Json,
        Calls,
        "HTTP 401 with the usual JSON: the token has expired",
    ),
    fault("http-403-json", FaultKind::Http403Json, Calls, "HTTP 403 with the usual JSON: not granted"),
    fault("http-429-json", FaultKind::Http429Json, Calls, "HTTP 429 with the usual JSON: too many calls"),
    fault(
        "front-502-html",
        FaultKind::Front502Html,
        Calls,
        "a front end answers HTTP 502; the platform never sees the call",
    ),
    fault("front-503-text", FaultKind::Front503Text, Calls, "a proxy answers HTTP 503 in plain text"),
    fault(
        "gateway-404-json",
        FaultKind::Gateway404Json,
        Calls,
        "a gateway in front answers HTTP 404 with JSON of its own",
    ),
    fault("waf-403-html", FaultKind::Waf403Html, Calls, "a firewall answers HTTP 403 with a page of HTML"),
    fault("waf-405-html", FaultKind::Waf405Html, Calls, "a firewall answers HTTP 405 with a page of HTML"),
    fault("gbk", FaultKind::Gbk, Calls, "the body is in GBK and says so"),
    fault("gbk-unnamed", FaultKind::GbkUnnamed, Calls, "the body is in GBK and does not say so"),
    fault("charset-wrong", FaultKind::CharsetWrong, Calls, "the body is in UTF-8 and says ISO-8859-1"),
    fault("bom", FaultKind::Bom, Calls, "the body begins with a byte order mark"),
    fault("gzip", FaultKind::Gzip, Calls, "a gzip body, whether asked for or not"),
    fault("gzip-unnamed", FaultKind::GzipUnnamed, Calls, "a gzip body that does not say so"),
    fault("trailing-text", FaultKind::TrailingText, Calls, "text behind the JSON"),
    fault("leading-text", FaultKind::LeadingText, Calls, "text before the JSON"),
    fault("money-unreadable", FaultKind::MoneyUnreadable, Money, "no amount can be read"),
    fault(
        "money-busy",
        FaultKind::MoneyBusy,
        Money,
        "the first call about a thing's money: \"still being calculated\"",
    ),
    fault("api-gone", FaultKind::ApiGone, Calls, "the API does not exist any more; to be narrowed to one"),
    fault("huge-number", FaultKind::HugeNumber, Things, "a thing's number is this many characters long")
        .with(1_000_000),
    fault("huge-row", FaultKind::HugeRow, Things, "a thing is this many bytes larger").with(13_000_000),
    fault("many-lines", FaultKind::ManyLines, Lines, "a thing has this many lines").with(100_000),
    // Tokens.
    fault(
        "odd-neighbour",
        FaultKind::OddNeighbour,
        Tokens,
        "beside a token: its end as ISO text, its seller as an object, null scopes",
    ),
];

impl FaultKind {
    /// Its entry. `None`: a fault without a name of its own.
    pub fn named(&self) -> Option<&'static NamedFault> {
        NAMED_FAULTS.iter().find(|named| discriminant(&named.kind) == discriminant(self))
    }

    pub(super) fn fits(&self) -> Fits {
        self.named().map_or(Calls, |named| named.fits)
    }

    /// Whether it takes the place of an answer, or of its way; the others change what an answer says or how its
    /// bytes are written, and several of them can act on one answer.
    pub(super) fn is_about_the_whole_call(&self) -> bool {
        let changes_bytes = matches!(
            self,
            Self::DateOff
                | Self::DateHeaderEmpty
                | Self::Gbk
                | Self::GbkUnnamed
                | Self::CharsetWrong
                | Self::Bom
                | Self::Gzip
                | Self::GzipUnnamed
                | Self::TrailingText
                | Self::LeadingText
        );
        match self.fits() {
            Calls => !changes_bytes,
            OneThing => true,
            Money => *self == Self::MoneyBusy,
            Things | Lines | Updates | Lists | Windows | Tokens => false,
        }
    }
}

/// The entry of a name, with dashes or underscores.
pub fn find(name: &str) -> Option<&'static NamedFault> {
    let name = name.replace('_', "-");
    NAMED_FAULTS.iter().find(|named| named.name == name)
}

/// The table for people, one line a fault.
pub fn fault_list() -> String {
    let mut text = String::from(
        "Faults, NAME[:NUMBER][=SHARE]. The share is of things, always the same ones, where a fault is about things;\nelse of calls.\n",
    );
    for NamedFault { name, fits, parameter, what, .. } in NAMED_FAULTS {
        let name = parameter.map_or_else(|| (*name).to_owned(), |number| format!("{name}:{number}"));
        // Writing to a string cannot fail.
        let _written = write!(text, "\n  {name:<26} {what} ({})", fits.words());
    }
    text
}
