//! What is promised of grants, in ten properties, each on SQLite and on Postgres, and what happens to a thousand shops.
//!
//! How an authorisation is lost, and the tests that say it is not:
//!
//! | | | tests |
//! |---|---|---|
//! | 1 | two tasks spend one refresh token | `a_hundred_callers_at_once_cause_one_call`, `callers_of_one_program_share_one_refresh_task` |
//! | 2 | two processes do | `one_refresh_for_a_hundred_tasks_in_four_processes` |
//! | 3 | a lease ends before its holder | `a_holder_frozen_before_its_call_sends_nothing_when_it_thaws`, `a_frozen_holder_that_thaws_can_neither_commit_nor_release_and_its_pair_is_tried_at_last` |
//! | 4 | a crash between answer and save | `killed_at_any_write_of_a_refresh_a_program_loses_nothing`, `a_fault_at_the_commit_of_the_pair_costs_no_grant`, `killed_with_the_answer_in_hand_a_program_loses_the_grant_and_it_is_reported`, `killed_at_any_moment_a_program_loses_a_grant_only_with_an_answer_and_it_is_reported` |
//! | 5 | an answer that is lost, or none of the platform | `pages_in_front_of_xiaohongshu_cost_no_grant`, `a_lost_answer_is_requested_once_more_and_only_when_nothing_valid_is_left` |
//! | 6 | HTTP that repeats calls unseen | `the_http_layer_sends_a_refresh_token_once_whatever_comes_back`, `reads_share_connections_and_token_calls_never_do` |
//! | 7 | a caller that goes away | `callers_who_all_go_away_do_not_stop_the_refresh_task`, `sigterm_never_interrupts_between_answer_and_save` |
//! | 8 | a save that fails | `a_pair_is_in_its_file_at_once_whoever_holds_the_database_and_an_orderly_end_waits_for_no_more`, `a_pair_that_cannot_be_stored_is_used_from_a_file_and_stored_later`, `killed_at_any_write_of_a_login_a_program_loses_nothing`, `nothing_is_used_up_while_the_store_takes_no_intent` |
//! | 9 | a commit that is not durable | `an_intent_that_only_its_writer_sees_is_not_acted_upon`, `a_pair_that_only_its_writer_sees_stays_in_its_file`, `an_intent_and_a_pair_outlive_a_power_cut` |
//! | 10 | an update lost to another writer | `a_row_that_changed_in_any_way_is_not_written_over` |
//! | 11 | a save without a target | `a_row_that_changed_in_any_way_is_not_written_over` |
//! | 12 | clocks that are wrong or stepped | `a_clock_that_steps_by_an_hour_makes_no_storm_and_no_one_is_left_without_a_token`, `a_pause_that_a_clock_an_hour_ahead_wrote_down_ends_in_minutes` |
//! | 13 | an end in another unit, or none | `a_life_in_seconds_is_believed_within_reason`, `an_end_in_milliseconds_is_believed_within_reason` |
//! | 14 | an end forgotten at a restart | `what_is_put_is_read_back` |
//! | 15 | a storm of refusals | `many_refusals_of_one_token_cause_one_call` |
//! | 16 | a refresh for the wrong error | `only_a_refused_token_is_a_reason_to_refresh`, `only_the_codes_that_say_so_end_a_grant` |
//! | 17 | hammering a throttling platform | `a_throttled_refresh_keeps_the_tokens_and_its_pause_survives_a_restart`, `pauses_double_and_have_an_end` |
//! | 18 | a failure that hides a good token | `a_failed_refresh_never_hides_a_valid_token` |
//! | 19 | death declared after a lost race | `a_refusal_that_came_too_late_ends_nothing` |
//! | 20 | tokens deleted on an error | `a_refused_refresh_token_needs_the_owner_and_is_kept` |
//! | 21 | a fixed end nobody was told of | `the_fixed_end_of_a_refresh_token_is_warned_of_however_often_it_is_renewed`, `a_refresh_is_one_call_and_the_years_end_never_moves` |
//! | 22 | a refresh token that nobody uses | `what_is_due_is_renewed_though_no_job_asks_and_what_is_not_is_left_alone` |
//! | 23 | a login that ends the grant in use | `a_new_login_before_the_end_fails_no_call`, `a_scanned_login_is_exchanged_once_however_many_follow_it` |
//! | 24 | tokens of another account | `tokens_of_another_account_are_refused_and_the_old_ones_stay`, `tokens_of_another_seller_are_kept_but_never_handed_out` |
//! | 25 | an answer without a refresh token | `a_refresh_token_the_answer_leaves_out_is_kept_with_its_end` |
//! | 26 | a copy that spends | `a_copied_database_renews_nothing_until_it_is_taken_over`, `a_folder_that_was_copied_renews_nothing` |
//! | 27 | a file torn by a crash | `a_draft_that_a_crash_left_behind_hinders_no_one` |
//! | 28 | a file that others read | `what_others_may_read_or_swap_is_refused` |
//! | 29 | secrets in logs and errors | `no_secret_is_in_a_log_or_in_the_database`, `no_line_of_any_log_holds_a_token_and_each_event_is_reported_once` |
//! | 30 | a database that leaks | `no_token_is_ever_stored_in_clear` |
//! | 31 | sealed texts moved or rolled back | `sealed_tokens_of_one_shop_do_not_open_for_another`, `an_older_generation_does_not_open_in_a_newer_row` |
//! | 32 | a key lost or changed | `grants_and_orphans_are_sealed_again_while_a_program_works_with_them`, `without_the_key_nothing_is_overwritten_and_no_new_one_is_made` |
//! | 33 | a call that hangs | `a_gateway_that_stalls_is_left_at_the_deadline`, `no_one_waits_while_the_platform_is_slow` |
//! | 34 | one bad account before all others | `one_shops_trouble_does_not_stop_the_others` |
//! | 35 | two programs that each renew | `a_token_for_others_is_all_that_stands_on_stdout` |

use std::path::Path;

mod cancellation_safe;
mod crash_safe;
pub(crate) mod durable;
mod durable_login;
mod early_jittered_and_stale_while_refreshing;
mod every_write;
mod fenced_leases;
mod front_end;
mod honest_clocks;
mod keeping_process;
mod load;
mod load_platform;
mod no_blind_replay;
mod no_silent_end;
mod one_spend_per_generation;
mod right_diagnosis;
mod sealed;

#[test]
fn every_test_in_the_table_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    let mut folders = vec![root.join("src"), root.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                code += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    let rows: Vec<_> = include_str!("mod.rs").lines().filter(|line| line.starts_with("//! | ")).collect();
    assert_eq!(rows.len(), 1 + 35);
    for row in &rows[1..] {
        let tests: Vec<_> = row.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "{row}");
        for test in tests {
            assert!(code.contains(&format!("fn {test}(")), "{row}: there is no {test}");
        }
    }
}
