//! Who goes next: a queue for each priority, first come first served within it.
//!
//! Pure: it orders the waiting and knows nothing of time.

use std::collections::VecDeque;

use super::Priority;

/// A lower class goes after this many calls of higher ones went before it: a share of a tenth, so that it is
/// never starved.
const PASSED_OVER_MAX: u32 = 9;

/// The waiting, by class.
#[derive(Debug)]
pub struct WaitingQueue<W> {
    /// In the order of [`Priority`].
    classes: [Class<W>; 3],
    ticket_last: u64,
}

#[derive(Debug)]
struct Class<W> {
    waiting: VecDeque<(Ticket, W)>,
    /// How often another class went first while someone waited here.
    passed_over: u32,
}

/// One place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    priority: Priority,
    number: u64,
}

impl<W> WaitingQueue<W> {
    pub(super) fn new() -> Self {
        Self { classes: [Class::new(), Class::new(), Class::new()], ticket_last: 0 }
    }

    /// Takes the last place of a class; `waker` is how the waiting task is reached.
    pub(super) fn join(&mut self, priority: Priority, waker: W) -> Ticket {
        self.ticket_last += 1;
        let ticket = Ticket { priority, number: self.ticket_last };
        self.class(priority).waiting.push_back((ticket, waker));
        ticket
    }

    /// Gives a place up. Without effect for one who has gone already.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        let class = self.class(ticket.priority);
        class.waiting.retain(|(waiting, _)| *waiting != ticket);
        if class.waiting.is_empty() {
            class.passed_over = 0;
        }
    }

    /// Who goes next. `None`: no one waits.
    pub(super) fn head(&self) -> Option<(Ticket, &W)> {
        let (ticket, waker) = self.next_class()?.waiting.front()?;
        Some((*ticket, waker))
    }

    /// Lets the head go.
    pub(super) fn pop_head(&mut self) -> Option<Ticket> {
        let (ticket, _) = self.head()?;
        for class in self.classes.iter_mut().filter(|class| !class.waiting.is_empty()) {
            class.passed_over += 1;
        }
        let class = self.class(ticket.priority);
        class.waiting.pop_front();
        class.passed_over = 0;
        Some(ticket)
    }

    /// The lowest class that was passed over too often, else the highest that has someone waiting.
    fn next_class(&self) -> Option<&Class<W>> {
        let mut waiting = self.classes.iter().filter(|class| !class.waiting.is_empty());
        let starved = waiting.clone().rev().find(|class| class.passed_over >= PASSED_OVER_MAX);
        starved.or_else(|| waiting.next())
    }

    fn class(&mut self, priority: Priority) -> &mut Class<W> {
        &mut self.classes[priority as usize]
    }
}

impl<W> Class<W> {
    fn new() -> Self {
        Self { waiting: VecDeque::new(), passed_over: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Priority::{Amounts, Create, Update};

    /// The order in which those go who join as told.
    fn order_of(joining: &[Priority]) -> Vec<Priority> {
        let mut queue = WaitingQueue::new();
        for priority in joining {
            queue.join(*priority, ());
        }
        std::iter::from_fn(|| queue.pop_head().map(|ticket| ticket.priority)).collect()
    }

    #[test]
    fn higher_classes_go_first() {
        assert_eq!(
            order_of(&[Amounts, Create, Update, Amounts, Update]),
            [Update, Update, Create, Amounts, Amounts]
        );
    }

    #[test]
    fn within_a_class_the_first_goes_first() {
        let mut queue = WaitingQueue::new();
        let tickets = [(); 4].map(|()| queue.join(Create, ()));

        for ticket in tickets {
            assert_eq!(queue.pop_head(), Some(ticket));
        }
    }

    #[test]
    fn a_lower_class_gets_a_tenth_while_higher_ones_wait() {
        let mut joining = vec![Update; 200];
        joining.extend([Create; 200]);
        joining.extend([Amounts; 200]);

        // When both lower classes are due, one of them goes a turn later.
        let first = &order_of(&joining)[..201];

        let count = |priority| first.iter().filter(|gone| **gone == priority).count();
        assert_eq!(count(Create), 20);
        assert_eq!(count(Amounts), 20);
        assert_eq!(first[..9], [Update; 9]);
    }

    #[test]
    fn one_who_leaves_makes_no_hole() {
        let mut queue = WaitingQueue::new();
        let first = queue.join(Update, "first");
        let second = queue.join(Update, "second");
        let third = queue.join(Update, "third");

        queue.leave(second);
        queue.leave(first);
        queue.leave(first);

        assert_eq!(queue.head(), Some((third, &"third")));
        assert_eq!(queue.pop_head(), Some(third));
        assert_eq!(queue.pop_head(), None);
    }

    #[test]
    fn a_class_that_emptied_has_no_claim_from_before() {
        let mut queue = WaitingQueue::new();
        let waiting = queue.join(Amounts, ());
        for _ in 0..PASSED_OVER_MAX {
            queue.join(Update, ());
            queue.pop_head();
        }
        queue.leave(waiting);

        queue.join(Amounts, ());
        let urgent = queue.join(Update, ());

        assert_eq!(queue.pop_head(), Some(urgent));
    }
}
