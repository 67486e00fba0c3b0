//! How far a window is paged through.

use super::*;

#[test]
fn a_window_is_too_much_at_the_limit_of_paging_and_in_smaller_pages_earlier() {
    let listed = PagingEnd { page_size: 100, rows_max: 5_000 };
    for (rows, total, responses, is_exceeded) in [
        (100, 4_999, 100, false),
        (100, 5_000, 100, true),
        (100, u64::MAX, 100, true),
        // Halves of a page, requested or given.
        (50, 2_499, 50, false),
        (50, 2_500, 50, true),
        (50, 2_500, 100, true),
        // The last page is short by itself, and a page without rows says nothing.
        (60, 60, 100, false),
        (0, 1_000_000_000, 100, false),
    ] {
        assert_eq!(
            listed.is_exceeded(rows, total, responses),
            is_exceeded,
            "{rows} of {total} by {responses}"
        );
    }
}

#[test]
fn a_total_where_search_engines_stop_counting_may_be_cut_off() {
    for (rows, total, expected) in
        [(100, 10_000, true), (1, 1_000, true), (100, 9_999, false), (100, 10_001, false), (0, 10_000, false)]
    {
        assert_eq!(may_be_cut_off(rows, total), expected, "{rows} of {total}");
    }
}
