//! The page in English.

use super::moment::Length;
use super::words::Words;
use crate::domain::moment;
use crate::domain::record::Record;
use crate::store::ledger::windows::WindowState;
use crate::web::overview::Freshness;

pub(super) const WORDS: Words = Words {
    name: "English",
    navigation: "Page",
    log_in: "Log in",
    log_out: "Log out",
    silent: "shopsync does not answer. What you see is old; the page looks again by itself.",
    database_away: "The database does not answer",
    database_away_more: "Nothing is lost: the daemon waits for it and goes on by itself. This page looks again every ten seconds.",

    ago: |span| format!("{} ago", length(span)),
    ahead: |span| format!("in {}", length(span)),
    lasting: length,

    no_shops: "No shop yet",
    no_shops_more: "Name an app and a shop in config.toml, then authorise it with `shopsync auth login SHOP`.",
    all_fresh: |shops, oldest| {
        let oldest = oldest.map_or_else(String::new, |span| format!("; oldest {} ago", length(span)));
        if shops == 1 {
            format!("The shop is fresh{oldest}")
        } else {
            format!("All {shops} shops are fresh{oldest}")
        }
    },
    some_fresh: |fresh, all, oldest| {
        let oldest = oldest.map_or_else(String::new, |span| format!("; oldest {} ago", length(span)));
        format!("{fresh} of {all} shops {} fresh{oldest}.", if fresh == 1 { "is" } else { "are" })
    },
    none_read: |shops| match shops {
        1 => "Nothing is read for the shop by the clock; its token is kept alive".to_owned(),
        shops => format!("Nothing is read for the {shops} shops by the clock; their tokens are kept alive"),
    },
    have_failed: |shops| match shops {
        [shop] => format!("The last run of 1 shop failed: {shop}."),
        shops => format!("The last runs of {} shops failed: {}.", shops.len(), shops.join(", ")),
    },
    need_owner: |shops| match shops {
        [shop] => format!("1 shop needs its owner: {shop}"),
        shops => format!("{} shops need their owners: {}", shops.len(), shops.join(", ")),
    },
    are_late: |shops| match shops {
        [shop] => format!("1 shop is late: {shop}"),
        shops => format!("{} shops are late: {}", shops.len(), shops.join(", ")),
    },
    and: |first, second| format!("{first}. {second}"),
    first_sync: |shops| format!("Reading for the first time: {}", shops.join(", ")),
    owner_soon: |shops| match shops {
        [shop] => format!("1 shop needs a look soon: {shop}."),
        shops => format!("{} shops need a look soon: {}.", shops.len(), shops.join(", ")),
    },

    needed: "Who is needed",
    authorise: "Not authorised yet.",
    owner_reason: |reason| sentence(reason.describe()),
    works_until: |at| format!("It works until {} UTC.", moment::to_minute(at)),
    nothing_works: "Nothing is read for it meanwhile, and nothing is lost.",
    take_over: "The database was copied or restored, so tokens are used and not renewed. When the original is no longer used:",
    authorise_before: |at, days| {
        let days = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
        format!("{days} left: its owner must authorise it again before {} UTC.", moment::to_minute(at))
    },
    wait: |trouble, again_at| {
        let again = again_at.map_or_else(
            || "at the next call".to_owned(),
            |at| format!("after {} UTC", moment::to_minute(at)),
        );
        format!("Nothing to do yet. The last renewal brought nothing ({trouble}); it is tried again {again}.")
    },
    unreadable: |error| format!("Its token cannot be read: {error}. The other shops go on."),
    not_granted: |record| {
        format!(
            "The platform does not grant {} to this app. Add it on the console and authorise again.",
            name(record)
        )
    },
    granting: |granting| granting.english,
    open_console: "Open the console",
    then_run: "Then, on the server:",

    shops: "Shops",
    shop: "Shop",
    token: "Token",
    record: name,
    not_kept: "not kept",
    freshness: |freshness| match freshness {
        Freshness::Fresh => "fresh",
        Freshness::Late => "late",
        Freshness::Loading => "first run",
        Freshness::Never => "not read yet",
        Freshness::Waiting => "waiting",
        Freshness::Off => "not granted",
        Freshness::ByHand => "by hand",
    },
    run: "run",
    running: "running",
    next: "next",
    rows: |rows| format!("{rows} kept"),
    gap: |state, windows| {
        let word = if windows == 1 { "window" } else { "windows" };
        match state {
            WindowState::Planned => format!("{windows} {word} of history to read"),
            WindowState::Reading => format!("{windows} {word} being read"),
            WindowState::Failed => format!("{windows} {word} failed"),
            WindowState::Short => format!("{windows} {word} short"),
            WindowState::Unreachable => format!("{windows} {word} too old for the platform"),
            WindowState::Complete | WindowState::Split => format!("{windows} {word} read"),
        }
    },
    from: ", from",
    set_aside: |rows| format!("{rows} set aside"),
    extras_unreadable: |rows| format!("money or stock of {rows} unreadable"),
    amounts_due: |orders| format!("{orders} without money yet"),
    last_run_failed: "last run failed",
    sync_now: "Sync now",
    paused: "paused",
    starting: "starting …",
    reading: "reading: {rows} rows",
    refused: "could not be started",

    never_authorised: "not authorised",
    needs_owner: "needs its owner",
    token_unreadable: "unreadable",
    days_left: |days| if days == 1 { "1 day left".to_owned() } else { format!("{days} days left") },
    renews_itself: "renews itself",

    orders_per_day: "Orders per day",
    chart_summary: |sum, most, today| {
        format!("{sum} in 30 days, at most {most} a day, {today} today so far (UTC).")
    },
    day: "Day (UTC)",
    orders: "Orders",
    as_table: "As a table",
    so_far: "so far",

    recent_runs: "Recent runs",
    no_runs: "None yet.",
    started: "Started",
    outcome: "Result",
    took: "Took",
    seen_written: "Seen / written",
    outcome_word: |outcome| match outcome {
        None => "running",
        Some("ok") => "ok",
        Some("failed") => "failed",
        Some("mended") => "mended",
        Some(_) => "interrupted",
    },
};

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

fn length(span: chrono::TimeDelta) -> String {
    match Length::of(span) {
        Length::Seconds(seconds) => format!("{seconds} s"),
        Length::Minutes(minutes) => format!("{minutes} min"),
        Length::Hours(hours) => format!("{hours} h"),
        Length::Days(days) => format!("{days} d"),
    }
}

fn name(record: Record) -> &'static str {
    match record {
        Record::Orders => "orders",
        Record::Products => "products",
        Record::AfterSales => "after-sales",
        Record::Activities => "activities",
    }
}
