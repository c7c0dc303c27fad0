"""Tests of the rules A to C: who signs which order, its bytes, and once and no more."""

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
}
