//! However many tasks and programs ask at once, a refresh token is sent once.

use std::path::Path;
use std::sync::atomic::Ordering;

use tokio::task::JoinSet;

use crate::auth::context::{Authorised, clear, renewals};
use crate::auth::flaky::{Flaky, WhenFailing};
use crate::auth::process::{NOWHERE, Process, Stop};
use crate::support::databases::{TestDatabase, both_databases};

const PROCESSES: usize = 4;
const TASKS: usize = 100;

both_databases! {
    async fn one_refresh_for_a_hundred_tasks_in_four_processes(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let mut processes = Vec::new();
        for _ in 0..PROCESSES {
            processes.push(Process::start(&test, Stop::Nowhere, TASKS, Path::new(NOWHERE)).await);
        }

        for process in &processes {
            process.go();
        }
        for process in &processes {
            let tokens = process.tokens().await;
            assert_eq!(tokens.len(), TASKS);
            assert!(tokens.iter().all(|token| *token == test.gateway.access()), "{}", tokens[0]);
        }

        assert_eq!((test.gateway.refresh_calls(), test.gateway.spent_calls()), (1, 0));
        assert_eq!(renewals(&test.row().await), 1);
    }

    async fn a_hundred_callers_at_once_cause_one_call(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;

        let mut callers = JoinSet::new();
        for _ in 0..TASKS {
            let (tokens, shop) = (test.tokens.clone(), test.shop.clone());
            callers.spawn(async move { tokens.access(&shop).await.unwrap() });
        }
        let handed_out = callers.join_all().await;

        assert!(handed_out.iter().all(|access| clear(access) == test.gateway.access()));
        assert_eq!(test.gateway.refresh_calls(), 1);
        assert_eq!(renewals(&test.row().await), 1);
    }

    async fn callers_of_one_program_share_one_refresh_task(test: TestDatabase) {
        let test = Authorised::new(test).await;
        test.after_end().await;
        let counted = Flaky::over(&test.database.store, 0, WhenFailing::Before);
        let tokens = test.over(counted.clone());

        let mut callers = JoinSet::new();
        for _ in 0..TASKS {
            let (tokens, shop) = (tokens.clone(), test.shop.clone());
            callers.spawn(async move { tokens.access(&shop).await.unwrap() });
        }
        callers.join_all().await;

        assert_eq!(counted.begun.load(Ordering::SeqCst), 1);
    }
}
