//! Delivers messages to the webhooks of the config. A webhook that fails gets them later, as long as this process runs. The
//! caller decides which messages there are.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use crate::app::App;
use crate::clock::Clock;
use crate::config::WebhookConfig;
use crate::domain::until::lasting;
use crate::error_text::chain;
use crate::notify::webhook::WebhookError;
use crate::notify::{Message, Sender, webhook};

/// Messages kept for one webhook that fails. The oldest are dropped first, because newer ones show the present state.
const PENDING_MAX: usize = 16;

/// The longest pause after failures.
const PAUSE_MAX: TimeDelta = TimeDelta::hours(1);

pub(super) struct Delivery {
    sender: Arc<Sender>,
    /// By the file with the address.
    states: HashMap<PathBuf, WebhookState>,
}

/// The state of one webhook.
#[derive(Default)]
struct WebhookState {
    pending: VecDeque<Message>,
    /// In a row.
    failures: u32,
    paused_until: Option<DateTime<Utc>>,
}

impl Delivery {
    pub(super) fn new(sender: Arc<Sender>) -> Self {
        Self { sender, states: HashMap::new() }
    }

    /// Whether any webhook may be tried now.
    pub(super) fn may_try(&self, app: &App) -> bool {
        let now = app.clock.now();
        let webhooks = &app.config().notify.webhooks;
        webhooks
            .iter()
            .any(|webhook| self.states.get(&webhook.url_file).is_none_or(|state| !state.is_paused(now)))
    }

    /// Sends to all webhooks at the same time, first what they missed. Returns whether any of them accepted `message`. Then the
    /// others get it later.
    pub(super) async fn deliver(&mut self, app: &App, message: Option<Message>) -> bool {
        let webhooks = &app.config().notify.webhooks;
        self.states.retain(|file, _| webhooks.iter().any(|webhook| webhook.url_file == *file));
        let now = app.clock.now();
        let mut rounds = Vec::new();
        for webhook in webhooks {
            let state = self.states.entry(webhook.url_file.clone()).or_default();
            let queue: Vec<Message> = if state.is_paused(now) {
                Vec::new()
            } else {
                state.pending.iter().chain(&message).cloned().collect()
            };
            rounds.push(send_all(&self.sender, webhook, queue, &app.clock));
        }
        let rounds = join_all(rounds).await;
        let pending_before = |webhook: &WebhookConfig| self.states[&webhook.url_file].pending.len();
        let is_accepted = message.is_some()
            && webhooks.iter().zip(&rounds).any(|(webhook, round)| round.accepted > pending_before(webhook));
        for (webhook, round) in webhooks.iter().zip(rounds) {
            let Some(state) = self.states.get_mut(&webhook.url_file) else { continue };
            let is_missed = is_accepted && round.accepted <= state.pending.len();
            state.pending.drain(..round.accepted.min(state.pending.len()));
            if is_missed {
                state.pending.extend(message.clone());
                let surplus = state.pending.len().saturating_sub(PENDING_MAX);
                state.pending.drain(..surplus);
            }
            state.record(webhook, &round, now);
        }
        is_accepted
    }

    /// Whether a webhook missed a message that another one accepted.
    pub(super) fn has_pending(&self) -> bool {
        self.states.values().any(|state| !state.pending.is_empty())
    }
}

/// The result of sending to one webhook.
struct Round {
    accepted: usize,
    tried: bool,
    error: Option<WebhookError>,
}

async fn send_all(sender: &Sender, webhook: &WebhookConfig, queue: Vec<Message>, clock: &Clock) -> Round {
    let tried = !queue.is_empty();
    for (accepted, message) in queue.iter().enumerate() {
        if let Err(error) = webhook::send(sender, webhook, message, clock).await {
            return Round { accepted, tried, error: Some(error) };
        }
    }
    Round { accepted: queue.len(), tried, error: None }
}

impl WebhookState {
    /// Never for longer than [`PAUSE_MAX`], also if the clock stepped back.
    fn is_paused(&self, now: DateTime<Utc>) -> bool {
        self.paused_until.and_then(|until| lasting(until, PAUSE_MAX, now)).is_some()
    }

    /// Logs a failure once, until the webhook works again.
    fn record(&mut self, webhook: &WebhookConfig, round: &Round, now: DateTime<Utc>) {
        let Some(error) = &round.error else {
            if round.tried {
                (self.failures, self.paused_until) = (0, None);
            }
            return;
        };
        if self.failures == 0 {
            let error = chain(error);
            tracing::warn!(
                event = "notify.failed",
                kind = ?webhook.kind,
                error,
                "could not send a message to the webhook of {}: {error}; trying again",
                webhook.url_file.display(),
            );
        }
        self.failures += 1;
        let pause = TimeDelta::minutes(1 << self.failures.min(6));
        self.paused_until = Some(now + pause.min(PAUSE_MAX));
    }
}
