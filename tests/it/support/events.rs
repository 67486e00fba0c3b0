//! What this process logged, by event and shop. Tests run side by side in it, so each has shops of its own.

use std::fmt::{Debug, Write};
use std::sync::{Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

static TOLD: OnceLock<Mutex<Vec<Told>>> = OnceLock::new();

/// One line of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) event: String,
    pub(crate) shop: String,
    /// Every field, and the message.
    pub(crate) text: String,
}

/// Begins to listen, once for all tests.
pub(crate) fn listen() {
    TOLD.get_or_init(|| {
        let subscriber = tracing_subscriber::registry().with(Listener);
        tracing::subscriber::set_global_default(subscriber).unwrap();
        Mutex::default()
    });
}

/// What was told of this event of this shop so far.
pub(crate) fn told(event: &str, shop: &str) -> Vec<Told> {
    let told = TOLD.get().unwrap().lock().unwrap();
    told.iter().filter(|line| line.event == event && line.shop == shop).cloned().collect()
}

struct Listener;

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() > Level::INFO {
            return;
        }
        let mut line = Told::default();
        event.record(&mut line);
        TOLD.get().unwrap().lock().unwrap().push(line);
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        let value = value.trim_matches('"').to_owned();
        write!(self.text, "{}={value} ", field.name()).unwrap();
        match field.name() {
            "event" => self.event = value,
            "shop" => self.shop = value,
            _ => {}
        }
    }
}
