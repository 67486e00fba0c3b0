//! How an event is written in each format.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::*;

/// Keeps what is written.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn writer(&self) -> impl Fn() -> Self + Send + Sync + use<> {
        let buffer = self.clone();
        move || buffer.clone()
    }
}

impl Write for Buffer {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written when `log` logs at INFO and above.
fn written(style: LineStyle, log: impl FnOnce()) -> String {
    let buffer = Buffer::default();
    let subscriber =
        Registry::default().with(level::parse("info").unwrap()).with(layer(style, buffer.writer()));
    tracing::subscriber::with_default(subscriber, log);
    buffer.text()
}

fn log_a_run() {
    let _job = tracing::info_span!("job", job = "orders", run_id = 7).entered();
    tracing::info!(event = "run.finished", shop = "acme-us", rows_seen = 3, "synced 3 orders of `acme-us`");
    tracing::debug!("not at this level");
}

#[test]
fn text_is_one_line_that_reads_alone() {
    let text = written(LineStyle::Text { colours: false }, log_a_run);
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in ["INFO", "job=\"orders\"", "run_id=7", "synced 3 orders of `acme-us`", "shop=\"acme-us\""] {
        assert!(text.contains(part), "`{part}` in {text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours: {text}");
}

#[test]
fn colours_come_only_when_wanted() {
    assert!(written(LineStyle::Text { colours: true }, log_a_run).contains('\u{1b}'));
}

#[test]
fn the_journal_gets_a_priority_and_no_time() {
    let text = written(LineStyle::Numbered, || {
        tracing::info!("one");
        tracing::warn!("two");
        tracing::error!("three");
    });
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert_eq!(lines, ["<6>one", "<4>two", "<3>three"]);
}

#[test]
fn a_message_cannot_forge_a_second_line() {
    let forged = "no such order\r\n<0>2026-01-01T00:00:00Z ERROR all is lost";
    for style in [LineStyle::Text { colours: false }, LineStyle::Numbered, LineStyle::Json] {
        let text = written(style, || {
            tracing::info!(error = forged, "the platform said: {forged}");
            tracing::info!("{}", "second");
        });
        assert_eq!(text.lines().count(), 2, "{style:?}: {text}");
        assert!(!text.contains('\r'), "{style:?}: {text}");
    }
}

#[test]
fn json_has_the_fields_at_its_top_and_the_span_beside_them() {
    let text = written(LineStyle::Json, log_a_run);
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], "synced 3 orders of `acme-us`");
    assert_eq!(line["event"], "run.finished");
    assert_eq!(line["rows_seen"], 3);
    assert_eq!(line["spans"][0]["job"], "orders");
    assert_eq!(line["spans"][0]["run_id"], 7);
}

#[test]
fn a_level_can_be_changed_while_logging_goes_on() {
    let buffer = Buffer::default();
    let (level, handle) = reload::Layer::new(level::parse("info").unwrap());
    let telemetry = Telemetry { level: handle };
    let subscriber = Registry::default().with(level).with(layer(LineStyle::Numbered, buffer.writer()));
    tracing::subscriber::with_default(subscriber, || {
        tracing::debug!("before");
        telemetry.set_level("debug").unwrap();
        tracing::debug!("after");
        assert!(matches!(telemetry.set_level("loud"), Err(TelemetryError::Level { .. })));
        tracing::debug!("still");
    });
    let text = buffer.text();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert_eq!(lines, ["<7>after", "<7>still"]);
}

#[test]
fn every_format_is_known_by_its_word() {
    for format in LogFormat::ALL {
        assert_eq!(format.as_str().parse::<LogFormat>().unwrap(), format);
    }
    assert!(matches!("yaml".parse::<LogFormat>(), Err(TelemetryError::Format { .. })));
}

#[test]
fn without_a_journal_journald_is_text_and_json_stays_json() {
    assert_eq!(LineStyle::of(LogFormat::Journald), LineStyle::of(LogFormat::Auto));
    assert_eq!(LineStyle::of(LogFormat::Json), LineStyle::Json);
}
