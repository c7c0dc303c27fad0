"""Tests of the rules D to F and H: money and its limits, who may read, and measuring."""

RULES: dict[str, dict[str, tuple[str, ...]]] = {
    "D1: two zero-sum ledgers in the same blocks": {
        "registry/test_money.py": (
            "test_issue_posts_both_ledgers_in_one_block",
            "test_issue_needs_the_reserve_to_the_fen",
            "test_database_refuses_a_balance_on_the_wrong_side_of_zero",
        ),
        "central_bank/issuance/test_issuance.py": (
            "test_issue_uses_reserves_once_through_a_crash_at_every_step",
        ),
        "audit/test_at_work.py": ("test_a_ledger_that_does_not_sum_to_nothing_is_found",),
    },
    "D2: figures and quota": {
        "registry/test_money.py": (
            "test_quota_bounds_issue_to_the_fen",
            "test_operator_destroys_what_another_issued",
        ),
        "registry/test_http_reading.py": ("test_supply_figures_add_up",),
        "demo/test_demo.py": ("test_no_fen_is_made_or_lost",),
    },
    "D3: one signed statement for each operator and day; its difference is zero": {
        "protocol/test_daily_statement.py": (
            "test_d3_a_statement_is_read_as_it_was_signed",
            "test_d3_the_difference_is_what_is_not_explained",
        ),
        "central_bank/test_daily_statement.py": (
            "test_d3_a_statement_tells_what_a_day_did_to_vault_and_reserve",
            "test_d3_a_missed_midnight_is_caught_up_once",
            "test_d3_two_workers_make_one_statement",
            "test_d3_what_the_blocks_do_not_explain_is_an_alarm",
        ),
        "operator/test_reconcile.py": (
            "test_a_statement_that_is_not_what_the_feed_tells_is_found",
        ),
    },
    "E1: single, day and year bind the payer": {
        "registry/test_limits.py": (
            "test_single_limit_binds_on_the_sum_of_an_orders_legs",
            "test_day_limit_binds_to_the_fen",
            "test_day_ends_at_midnight_in_utc8",
            "test_year_limit_binds_to_the_fen_and_ends_with_the_calendar_year",
            "test_only_payments_count",
        ),
        "audit/test_limits.py": (
            "test_a_payment_beyond_the_single_limit_is_found",
            "test_a_day_ends_at_midnight_in_utc8",
            "test_a_year_ends_at_midnight_in_utc8",
        ),
    },
    "E2: the balance cap binds every credit": {
        "audit/test_limits.py": (
            "test_an_exchange_beyond_the_cap_is_found",
            "test_a_cap_that_came_later_stops_credits_and_nothing_else",
        ),
        "registry/test_payees.py": ("test_balance_cap_binds_to_the_fen",),
        "registry/test_control.py": ("test_lowered_cap_leaves_what_is_there_and_stops_credits",),
    },
    "E3: caps bind per holder and operator": {
        "registry/test_limits.py": (
            "test_caps_bind_on_a_group_over_all_its_wallets",
            "test_own_limits_of_a_sub_wallet_bind_on_itself",
            "test_moves_inside_a_group_count_towards_nothing",
        ),
        "registry/test_offline_groups.py": (
            "test_e3_a_load_leaves_room_for_the_devices_of_the_whole_group",
        ),
        "audit/test_limits.py": (
            "test_the_wallets_of_a_holder_spend_together",
            "test_the_wallets_of_a_holder_have_one_cap",
        ),
        "operator/test_customers.py": ("test_a_holder_has_one_group_by_phone_and_by_document",),
    },
    "E4: corporate wallets have rows of their own": {
        "central_bank/rulebook/test_rulebooks.py": (
            "test_corporate_wallets_have_rows_of_their_own_without_caps",
            "test_absent_cap_is_none",
        ),
    },
    "E5: no oracle": {
        "protocol/test_refusals.py": ("test_e5_the_payee_side_tells_the_payer_nothing",),
        "registry/test_payees.py": (
            "test_payer_learns_nothing_of_why_a_payee_cannot_receive",
            "test_operator_of_the_payee_learns_the_cause",
            "test_rules_of_the_payer_come_before_any_of_a_payee",
        ),
        "registry/test_waterfall.py": (
            "test_exactly_the_excess_over_a_cap_is_redeemed",
            "test_the_payer_learns_nothing_of_a_sweep",
            "test_consent_is_withdrawn_at_once",
        ),
        "audit/test_sweeps.py": ("test_nobody_is_swept_without_consent",),
        "operator/test_waterfall.py": ("test_the_excess_is_paid_into_the_chosen_deposit",),
    },
    "E6: second factor, and orders by a wallet's own operator only": {
        "registry/test_second_factor.py": (
            "test_second_factor_is_asked_from_one_fen_above",
            "test_keys_of_others_are_no_second_factor",
        ),
        "registry/test_signers.py": ("test_orders_of_a_wallet_come_from_its_operator_only",),
        "registry/test_legs.py": ("test_e6_a_wallet_is_debited_through_its_own_operator_only",),
        "operator/test_pin.py": (
            "test_what_is_signed_is_that_very_payload_by_the_certify_key",
            "test_each_order_takes_the_pin_again",
            "test_guesses_without_the_wallets_signature_do_not_count",
            "test_five_wrong_tries_lock_and_a_right_pin_waits_too",
            "test_no_pin_stands_in_the_database_or_in_an_answer",
        ),
        "wallet/test_second_factor.py": (
            "test_a_crash_between_countersigning_and_sending_loses_and_doubles_nothing",
        ),
    },
    "F1: an operator reads its own, by no route more; an omission shows": {
        "system/test_every_route.py": (
            "test_no_route_of_the_central_bank_tells_an_operator_of_anothers",
            "test_no_route_of_an_operator_tells_a_wallet_of_anothers",
        ),
        "registry/test_http_reading.py": (
            "test_operator_reads_what_is_its_own_and_no_other",
            "test_only_an_auditor_reads_whole_blocks",
        ),
        "registry/test_http_feed.py": ("test_omission_shows",),
        "protocol/test_feed.py": (
            "test_f1_an_entry_left_out_shows",
            "test_f1_a_whole_block_left_out_shows",
        ),
    },
    "F2: headers are public": {
        "registry/test_http_reading.py": ("test_headers_are_an_unbroken_chain",),
    },
    "F3: logins are used once; sessions read, and end; live events carry a cursor only": {
        "operator/test_sessions.py": (
            "test_a_login_is_taken_once",
            "test_a_challenge_is_good_for_a_minute",
            "test_a_login_names_operator_origin_purpose_and_wallet",
            "test_the_cookie_is_for_this_host_alone_and_out_of_reach_of_scripts",
            "test_a_session_changes_nothing",
            "test_a_settled_freeze_or_rebind_ends_the_sessions",
            "test_a_session_holds_for_the_key_that_opened_it",
        ),
        "operator/test_notices.py": (
            "test_a_payment_is_told_to_both_ends_as_a_cursor_and_nothing_else",
            "test_a_stream_ends_with_a_freeze_or_a_new_key_however_it_was_opened",
            "test_a_stream_ends_with_the_session_that_signs_out",
        ),
    },
    "F5: personal data ends at its term, backups included; keys change; every look is told": {
        "operator/test_privacy_retention.py": (
            "test_f5_the_keys_of_a_wallets_evidence_end_with_its_term_and_not_before",
            "test_f5_a_restored_backup_forgets_again",
            "test_every_table_about_a_holder_has_a_term_or_a_reason",
        ),
        "operator/test_privacy_keys.py": (
            "test_f5_every_record_comes_under_the_new_key_and_the_old_one_can_go",
            "test_f5_a_rotation_that_is_killed_goes_on_where_it_was",
        ),
        "operator/test_privacy_export.py": (
            "test_every_table_of_the_database_is_exported_or_about_nobody",
            "test_the_holder_is_told_of_every_access",
            "test_nothing_is_opened_that_is_not_written_down_first",
        ),
        "system/test_canaries.py": ("test_no_word_of_a_person_and_no_secret_is_repeated_anywhere",),
    },
    "H: the audit goes on from its last verified state; growth is bounded": {
        "audit/test_going_on.py": (
            "test_it_goes_on_after_the_named_state_and_comes_to_the_same",
            "test_from_genesis_does_everything_anew",
        ),
        "registry/test_state_hash.py": (
            "test_a_state_is_hashed_when_a_multiple_of_so_many_blocks_is_passed",
        ),
    },
}
