//! Brings messages to the webhooks of the config. One that is away gets them later, as far as this process lives; which
//! messages there are is decided by whoever calls.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use crate::app::App;
use crate::clock::Clock;
use crate::config::WebhookConfig;
use crate::domain::until::lasting;
use crate::jobs::daemon::run::chain;
use crate::notify::webhook::WebhookError;
use crate::notify::{Courier, Message, webhook};

/// Messages one webhook may be behind. The oldest go first: the newer ones say what is so now.
const PENDING_MAX: usize = 16;

/// The longest pause after failures.
const REST_MAX: TimeDelta = TimeDelta::hours(1);

pub(super) struct Delivery {
    courier: Arc<Courier>,
    /// By the file that holds the address.
    hooks: HashMap<PathBuf, Hook>,
}

/// What is known of one webhook.
#[derive(Default)]
struct Hook {
    pending: VecDeque<Message>,
    /// In a row.
    failures: u32,
    rests_until: Option<DateTime<Utc>>,
}

impl Delivery {
    pub(super) fn new(courier: Arc<Courier>) -> Self {
        Self { courier, hooks: HashMap::new() }
    }

    /// Whether any webhook would be tried now.
    pub(super) fn may_try(&self, app: &App) -> bool {
        let now = app.clock.now();
        let webhooks = &app.config().notify.webhooks;
        webhooks.iter().any(|webhook| self.hooks.get(&webhook.url_file).is_none_or(|hook| !hook.rests(now)))
    }

    /// Tells all webhooks at the same time, what they missed first. Whether any of them took `message`; then the others
    /// get it later.
    pub(super) async fn deliver(&mut self, app: &App, message: Option<Message>) -> bool {
        let webhooks = &app.config().notify.webhooks;
        self.hooks.retain(|file, _| webhooks.iter().any(|webhook| webhook.url_file == *file));
        let now = app.clock.now();
        let mut rounds = Vec::new();
        for webhook in webhooks {
            let hook = self.hooks.entry(webhook.url_file.clone()).or_default();
            let queue: Vec<Message> = if hook.rests(now) {
                Vec::new()
            } else {
                hook.pending.iter().chain(&message).cloned().collect()
            };
            rounds.push(send_all(&self.courier, webhook, queue, &app.clock));
        }
        let rounds = join_all(rounds).await;
        let count_of = |webhook: &WebhookConfig| self.hooks[&webhook.url_file].pending.len();
        let is_taken = message.is_some()
            && webhooks.iter().zip(&rounds).any(|(webhook, round)| round.taken > count_of(webhook));
        for (webhook, round) in webhooks.iter().zip(rounds) {
            let Some(hook) = self.hooks.get_mut(&webhook.url_file) else { continue };
            let is_missed = is_taken && round.taken <= hook.pending.len();
            hook.pending.drain(..round.taken.min(hook.pending.len()));
            if is_missed {
                hook.pending.extend(message.clone());
                let surplus = hook.pending.len().saturating_sub(PENDING_MAX);
                hook.pending.drain(..surplus);
            }
            hook.note(webhook, &round, now);
        }
        is_taken
    }

    /// Whether some webhook has missed something that another one took.
    pub(super) fn has_pending(&self) -> bool {
        self.hooks.values().any(|hook| !hook.pending.is_empty())
    }
}

/// What one webhook took.
struct Round {
    taken: usize,
    tried: bool,
    error: Option<WebhookError>,
}

async fn send_all(courier: &Courier, webhook: &WebhookConfig, queue: Vec<Message>, clock: &Clock) -> Round {
    let tried = !queue.is_empty();
    for (taken, message) in queue.iter().enumerate() {
        if let Err(error) = webhook::send(courier, webhook, message, clock).await {
            return Round { taken, tried, error: Some(error) };
        }
    }
    Round { taken: queue.len(), tried, error: None }
}

impl Hook {
    /// A clock that stepped back lets nobody rest for longer.
    fn rests(&self, now: DateTime<Utc>) -> bool {
        self.rests_until.and_then(|until| lasting(until, REST_MAX, now)).is_some()
    }

    /// Tells a failure once, until it works again.
    fn note(&mut self, webhook: &WebhookConfig, round: &Round, now: DateTime<Utc>) {
        let Some(error) = &round.error else {
            if round.tried {
                (self.failures, self.rests_until) = (0, None);
            }
            return;
        };
        if self.failures == 0 {
            let error = chain(error);
            tracing::warn!(
                event = "notify.failed",
                kind = ?webhook.kind,
                error,
                "the webhook of {} did not take a message: {error}; it is tried again",
                webhook.url_file.display(),
            );
        }
        self.failures += 1;
        let rest = TimeDelta::minutes(1 << self.failures.min(6));
        self.rests_until = Some(now + rest.min(REST_MAX));
    }
}
