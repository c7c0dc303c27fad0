"""Which tests show which rule: one that goes away or changes its name is missed here.

Rules are those of the project's rulebook for its parties: A orders and signers, B bytes, C exactly
once, D money, E limits, F who may read, G offline, H measuring.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

RULES: dict[str, dict[str, tuple[str, ...]]] = {
    "A: each order is signed by those of the table": {
        "protocol/test_order_types.py": (
            "test_a_the_table_covers_every_type_once",
            "test_a_each_type_is_signed_by_those_of_the_rules",
        ),
        "registry/test_signers.py": (
            "test_foreign_key_spends_nothing",
            "test_wallets_are_opened_by_the_certify_key_of_their_operator",
            "test_exchange_takes_the_vault_key_of_the_operator",
            "test_issue_takes_vault_key_and_two_officers",
            "test_operator_keys_approve_nothing",
        ),
        "audit/test_malicious_registry.py": (
            "test_it_cannot_spend_with_a_foreign_key",
            "test_it_cannot_spend_without_a_signature",
            "test_nobody_signs_who_need_not",
        ),
    },
    "A: two officers are two persons, on the very bytes, within a day": {
        "protocol/test_certificates.py": ("test_a_an_officer_is_a_person",),
        "registry/test_signers.py": (
            "test_one_officer_approves_nothing",
            "test_revoked_officer_approves_nothing",
        ),
        "registry/test_control.py": ("test_two_officers_always_remain",),
        "registry/test_exactly_once.py": ("test_order_of_officers_lives_a_day_at_most",),
        "central_bank/certification/test_approve.py": (
            "test_signature_over_another_order_is_refused",
            "test_leg_that_was_swapped_is_refused",
        ),
        "audit/test_malicious_registry.py": (
            "test_an_issue_takes_two_officers",
            "test_two_keys_of_one_person_are_one_approval",
        ),
    },
    "A: whose signatures an order about a wallet takes": {
        "registry/test_life_refusals.py": (
            "test_a_foreign_key_does_nothing_to_a_wallet",
            "test_one_signer_too_few_does_nothing_to_a_wallet",
            "test_a_certificate_for_another_use_does_nothing_to_a_wallet",
            "test_a_wallet_that_was_never_opened_has_no_life",
            "test_a_closed_wallet_stays_as_it_is",
            "test_an_id_stands_for_one_order_about_a_wallet",
        ),
        "registry/test_life_state_machine.py": (
            "test_wallets_live_by_the_rules",
            "test_ten_thousand_wallets_live_by_the_rules",
        ),
        "audit/test_life.py": ("test_a_foreign_key_does_nothing_to_a_wallet",),
    },
    "A: raising limits and lifting one's own freeze take the operator and a delay": {
        "registry/test_life_cycle.py": (
            "test_limits_are_lowered_at_once_and_raised_after_a_day",
            "test_a_holders_freeze_is_lifted_a_day_after_holder_and_operator_asked",
        ),
        "audit/test_life.py": (
            "test_lowering_raises_nothing",
            "test_a_raise_takes_the_operator",
            "test_a_lift_takes_effect_by_itself_and_not_before",
        ),
    },
    "A: a rebind waits and can be contested": {
        "registry/test_life_cycle.py": (
            "test_rebind_waits_and_the_new_key_takes_over",
            "test_objection_asks_for_two_officers_of_the_operator",
            "test_rebind_that_nobody_completes_lapses",
        ),
        "registry/test_life_refusals.py": (
            "test_only_an_objection_is_overruled_and_only_after_the_wait",
            "test_two_certificates_of_one_person_overrule_nothing",
        ),
        "audit/test_life.py": (
            "test_a_rebind_is_completed_after_the_wait_and_not_before",
            "test_an_objection_is_not_passed_over",
            "test_two_officers_overrule_an_objection",
        ),
    },
    "A: freezes are a set; the same or a higher authority lifts one": {
        "registry/test_life_refusals.py": (
            "test_only_the_same_or_a_higher_authority_lifts_a_freeze",
            "test_a_freeze_but_the_holders_own_blocks_close_and_rebind",
        ),
        "registry/test_life_cycle.py": (
            "test_two_authorities_under_one_case_number_are_two_freezes",
        ),
        "audit/test_life.py": ("test_a_freeze_is_lifted_by_no_lower_authority",),
    },
    "A: a failed operator's holders are carried on": {
        "registry/test_life_cycle.py": (
            "test_carrier_brings_the_orders_of_a_failed_operators_wallets",
        ),
        "registry/test_life_refusals.py": (
            "test_a_failed_operator_is_carried_once_and_carries_nobody",
        ),
        "audit/test_life.py": ("test_a_carrier_is_named_by_an_order",),
    },
    "A: a halt ends by itself": {
        "registry/test_life_cycle.py": (
            "test_halt_stops_until_its_end_and_spares_what_protects",
            "test_slow_down_lets_so_many_through_each_second",
        ),
        "registry/test_life_refusals.py": (
            "test_a_halt_names_something_and_ends_in_time",
            "test_a_stopped_order_takes_no_share_of_a_slow_down",
        ),
        "audit/test_life.py": ("test_nothing_is_paid_in_a_halt", "test_a_halt_is_over_in_time"),
    },
    "A: a frozen or closed wallet spends nothing": {
        "registry/test_life_cycle.py": (
            "test_a_frozen_wallet_pays_nothing_and_a_frozen_amount_stays",
            "test_wallet_closes_at_zero_and_for_good",
        ),
        "registry/test_payees.py": ("test_closed_or_frozen_wallet_spends_nothing",),
    },
    "B1: legs travel beside the signed payload, each to those who may see it": {
        "protocol/test_orders.py": (
            "test_b1_as_many_legs_as_hashes",
            "test_b1_the_legs_of_another_order_are_refused",
        ),
        "protocol/test_legs.py": ("test_b1_a_reader_checks_the_order_with_its_own_legs_alone",),
        "registry/test_legs.py": ("test_several_owners_each_sign",),
    },
    "B2: a signature holds for one purpose in one network": {
        "protocol/test_cose.py": (
            "test_b2_no_two_purposes_share_their_data",
            "test_b2_a_signature_holds_for_one_purpose_in_one_network",
        ),
        "registry/test_signers.py": ("test_order_of_another_network_is_refused",),
    },
    "B3: an identity is no signature's; Ed25519 is checked strictly": {
        "protocol/test_cose.py": ("test_b3_identity_ignores_signatures",),
        "protocol/test_suites.py": (
            "test_b3_the_vectors_of_rfc_8032_hold",
            "test_b3_a_signature_cannot_be_written_another_way",
            "test_b3_a_key_of_small_order_signs_nothing",
        ),
    },
    "B4: no text in the registry": {
        "protocol/test_order_types.py": ("test_b4_no_order_has_room_for_a_text",),
        "registry/test_no_text.py": (
            "test_database_has_no_column_for_text",
            "test_no_field_of_an_order_takes_text",
            "test_no_leg_takes_text",
        ),
        "system/test_privacy.py": (
            "test_nothing_that_names_a_person_reaches_the_central_bank",
            "test_the_search_finds_every_form_of_every_word",
        ),
    },
    "B5: a certificate names one use": {
        "protocol/test_genesis.py": ("test_b5_a_key_has_one_use",),
        "protocol/test_certificates.py": ("test_b5_only_the_root_certifies",),
        "registry/test_http_orders.py": ("test_keys_for_another_use_bring_no_orders",),
        "registry/test_control.py": ("test_b5_only_the_key_in_the_vaults_record_signs_for_it",),
    },
    "B6: wallet numbers hold prefix, serial and check digit": {
        "protocol/test_numbers.py": (
            "test_b6_a_number_holds_prefix_serial_and_check_digit",
            "test_b6_check_digits_are_those_of_iso_7064",
            "test_b6_every_single_wrong_digit_is_found",
        ),
    },
    "C1: an id is unique per account, and a forgotten one expired": {
        "protocol/test_ids.py": ("test_c1_no_order_of_an_id_outlives_its_last_expiry_day",),
        "registry/test_exactly_once.py": (
            "test_same_order_in_one_batch_settles_once",
            "test_same_id_with_other_content_is_refused",
            "test_order_lives_seven_days_at_most",
            "test_id_is_at_most_five_minutes_ahead_of_block_time",
        ),
        "registry/test_block_time.py": (
            "test_forgotten_id_is_an_expired_one",
            "test_days_are_made_ahead_and_dropped_behind",
        ),
        "audit/test_malicious_registry.py": ("test_it_cannot_settle_an_order_twice",),
    },
    "C2: every outcome stands in a block and is final": {
        "protocol/test_refusals.py": ("test_c2_the_same_order_is_sent_again_for_three_codes_only",),
        "registry/test_exactly_once.py": (
            "test_same_order_gets_its_first_outcome",
            "test_first_outcome_survives_a_restart",
            "test_final_refusal_uses_up_the_id",
            "test_refusal_without_effect_uses_up_no_id",
        ),
        "system/test_desk.py": ("test_issue_and_destroy_act_once_wherever_desk_or_registry_dies",),
    },
    "C3: block time decides": {
        "registry/test_block_time.py": (
            "test_clock_that_steps_back_does_not_turn_block_time_back",
            "test_idle_registry_commits_empty_blocks",
        ),
        "operator/test_exchange.py": (
            "test_an_order_is_dead_only_at_a_signed_time_past_its_expiry",
        ),
        "wallet/test_dead_orders.py": (
            "test_an_absent_order_is_dead_once_a_signed_header_is_past_its_expiry",
        ),
    },
    "C4: exchange and redeem once; payrolls pay nobody twice": {
        "operator/test_crashes.py": (
            "test_killed_at_every_step_of_an_exchange",
            "test_killed_at_every_step_of_a_redemption",
        ),
        "system/test_chaos.py": ("test_nothing_is_lost_or_doubled_by_a_bad_network_and_kills",),
        "wallet/test_crashes.py": ("test_a_rerun_of_a_payroll_pays_nobody_twice_wherever_it_died",),
        "wallet/test_journal.py": ("test_payroll_is_remembered_for_thirteen_months",),
        "wallet/test_pay_file.py": ("test_every_payment_of_a_file_is_an_order_of_one_leg",),
    },
    "C5: a deposed writer cannot commit": {
        "registry/test_writer.py": (
            "test_deposed_writer_commits_nothing",
            "test_block_goes_on_top_of_the_last_one_only",
        ),
    },
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
    "G1: money on devices is one account; shadow balances sum up to it": {
        "registry/test_offline.py": (
            "test_g1_load_settle_and_unload_move_shadow_balances",
            "test_g1_a_settled_payment_is_settled_once_whoever_brings_it",
            "test_g1_a_payment_spoken_before_its_money_surfaced_settles",
            "test_g1_what_no_wallet_can_ever_get_stays_on_its_device",
            "test_g1_the_database_refuses_money_that_is_on_no_device",
            "test_g1_a_shadow_without_money_behind_it_stops_the_writer",
        ),
        "registry/test_offline_fraud.py": (
            "test_g1_the_order_in_which_logs_come_in_changes_nothing",
        ),
        "registry/test_offline_http.py": (
            "test_f1_a_settled_payment_is_read_by_the_operators_of_both_devices",
        ),
        "operator/test_offline.py": (
            "test_g1_logs_in_any_order_any_number_of_times_at_any_operator_come_to_the_same",
        ),
        "audit/test_offline.py": (
            "test_g1_one_payment_settles_once",
            "test_g1_more_than_was_seen_is_not_unloaded",
            "test_g1_only_what_no_wallet_can_ever_get_stays_on_its_device",
            "test_g1_loads_have_numbers_without_a_gap",
        ),
        "protocol/test_offline_machine.py": ("test_g_purses_keep_the_laws",),
        "protocol/test_offline_crashes.py": (
            "test_value_is_where_the_table_says_and_never_in_two_places",
        ),
    },
    "G2: an operator's guarantee covers what its devices lack": {
        "registry/test_offline_fraud.py": (
            "test_g2_an_empty_guarantee_makes_claims_wait_and_stops_loads",
            "test_g2_a_guarantee_covers_its_share_of_live_caps_by_one_fen",
            "test_g2_money_that_comes_to_a_convicted_device_goes_back_to_the_guarantee",
            "test_g2_money_that_was_never_loaded_buys_no_more_than_the_guarantee_covers",
            "test_g2_what_a_device_lacks_is_not_released_before_it_is_known_why",
            "test_g2_what_a_device_without_proof_lacks_is_written_off_after_the_wait",
        ),
        "operator/test_offline.py": (
            "test_g2_a_payment_that_the_guarantee_cannot_cover_waits_and_settles_later",
        ),
        "audit/test_offline.py": (
            "test_g2_a_second_payment_under_a_counter_convicts_and_is_covered",
            "test_g2_a_loss_beyond_the_guarantee_is_found",
            "test_g2_a_guarantee_is_not_released_below_its_share",
        ),
        "protocol/test_offline_machine.py": (
            "test_g2_what_the_guarantee_does_not_cover_waits_and_comes_to_the_same",
        ),
    },
    "G3: a proof convicts, and nothing else accuses": {
        "protocol/test_offline_proofs.py": (
            "test_g3_two_payments_under_one_counter_convict_the_device",
            "test_g3_a_log_with_a_fault_convicts_the_device",
            "test_g3_a_log_without_a_fault_proves_nothing",
            "test_g3_two_loads_under_one_number_convict_the_operator",
            "test_g3_payments_of_two_devices_or_in_two_places_prove_nothing",
            "test_g3_no_bit_of_a_proof_can_be_another",
        ),
        "protocol/test_offline_purse.py": (
            "test_g3_another_load_under_a_number_that_was_taken_is_a_proof_against_the_operator",
            "test_g3_the_same_load_under_a_later_key_of_its_operator_is_no_other_one",
            "test_g3_loads_are_compared_as_far_back_as_the_log_goes",
        ),
        "protocol/test_offline_log.py": (
            "test_g3_a_third_party_changes_a_log_into_none_and_never_into_a_fault",
            "test_g3_an_honest_device_is_at_fault_nowhere_on_its_way",
        ),
        "protocol/test_offline_faults.py": (
            "test_g3_an_entry_that_cannot_be_right_convicts_its_device",
        ),
        "registry/test_offline_fraud.py": (
            "test_g3_a_second_payment_under_a_counter_convicts_in_its_very_order",
            "test_g3_a_second_payment_at_a_place_of_the_log_convicts",
            "test_g3_what_was_signed_twice_with_one_content_is_no_fraud",
        ),
        "operator/test_offline.py": (
            "test_g3_a_double_spend_is_proven_its_payee_paid_and_nobody_else_accused",
            "test_g3_a_log_that_convicts_its_device_is_kept_and_what_it_pays_is_settled",
            "test_g3_an_old_log_gets_no_checkpoint_and_stops_nobodys_device",
        ),
        "audit/test_offline.py": (
            "test_g3_a_payment_that_the_device_has_not_signed_is_found",
            "test_g3_a_conviction_takes_two_officers",
        ),
        "card/test_till.py": ("test_g3_a_copied_card_is_found_and_its_proof_kept",),
    },
    "G4: generation and revocation list; signed times alone raise a floor": {
        "protocol/test_offline_time.py": (
            "test_g4_a_header_of_the_registry_raises_the_floor_and_nothing_lowers_it",
            "test_g4_no_other_message_raises_the_floor",
            "test_g4_a_list_is_known_by_its_number_and_grows_frame_by_frame",
            "test_g4_the_largest_frame_fits_for_every_suite",
            "test_g4_a_request_and_a_payment_tell_the_number_alone",
            "test_g4_an_entry_is_forgotten_once_its_certificate_has_ended",
        ),
        "protocol/test_offline_floor.py": (
            "test_g4_a_time_that_a_stolen_key_signed_falls_to_that_of_the_list_that_names_it",
            "test_g4_it_falls_no_further_than_to_what_another_key_has_signed",
            "test_g4_the_list_raises_no_floor",
            "test_g4_a_list_that_names_other_keys_lowers_nothing",
            "test_g4_a_forged_time_makes_no_purse_forget_who_is_revoked",
        ),
        "protocol/test_offline_limits.py": (
            "test_g4_a_generation_below_the_oldest_is_not_paid_and_not_believed",
            "test_g4_a_revoked_device_is_not_paid_and_not_believed",
        ),
        "registry/test_offline_http.py": (
            "test_g4_anyone_gets_the_revocation_list_in_signed_frames",
        ),
        "audit/test_offline.py": ("test_g4_the_oldest_generation_only_rises",),
        "card/test_till.py": ("test_g4_the_list_of_revoked_devices_spreads_both_ways",),
        "card/test_purse_card.py": ("test_g4_two_cards_bring_each_other_up_to_date_with_the_list",),
    },
    "G5: balances by hop, the lowest spent first": {
        "protocol/test_offline_limits.py": (
            "test_g5_a_payment_takes_the_lowest_hops_first_and_carries_the_highest",
            "test_g5_money_changes_hands_so_often_and_then_waits",
            "test_g5_staged_money_waits_at_its_first_payee",
            "test_g5_nobody_pays_what_the_payee_may_not_take",
        ),
        "protocol/test_offline_synchronise.py": (
            "test_g5_a_synchronised_purse_starts_afresh_with_what_the_registry_says",
        ),
        "protocol/test_offline_faults.py": ("test_g3_every_kind_of_fault_is_shown",),
    },
    "G6: what was spoken is its payee's; a lost device is claimed after a wait": {
        "registry/test_offline_fraud.py": (
            "test_g6_a_lost_device_is_paid_back_to_its_wallet_after_the_wait",
            "test_g6_anonymous_and_convicted_devices_have_no_claim",
            "test_g6_money_of_other_devices_pays_no_unload",
        ),
        "operator/test_offline.py": (
            "test_g6_a_lost_card_is_revoked_and_what_is_left_claimed_after_the_wait",
        ),
        "audit/test_offline.py": ("test_g6_a_lost_device_is_claimed_when_the_wait_is_over",),
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
NOT_YET = frozenset(("F4", "G7"))
"""Aliases and purses in browsers have no code yet, and so no test."""


def names_in(path: Path) -> set[str]:
    """The tests of a file, also those of its classes."""
    tree = ast.parse(path.read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {each.name for each in ast.walk(tree) if isinstance(each, functions)}


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_tests_that_exist(rule: str) -> None:
    assert RULES[rule]
    for file, tests in RULES[rule].items():
        missing = set(tests) - names_in(TESTS / file)
        assert not missing, f"{rule}: {file} lacks {sorted(missing)}"


def test_every_rule_in_scope_is_here() -> None:
    sections = {"B": 6, "C": 5, "D": 3, "E": 6, "F": 5, "G": 7}
    wanted = {"A", "H"} | {
        f"{section}{number}" for section, last in sections.items() for number in range(1, last + 1)
    }
    shown = {rule.partition(":")[0] for rule in RULES}
    assert shown == wanted - NOT_YET
