"""Tests of the rules G: paying without network."""

RULES: dict[str, dict[str, tuple[str, ...]]] = {
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
            "test_g2_money_that_comes_to_a_convicted_device_goes_back_to_the_guarantee",
            "test_g2_what_a_device_without_proof_lacks_is_written_off_after_the_wait",
        ),
        "registry/test_offline_guarantees.py": (
            "test_g2_an_empty_guarantee_makes_claims_wait_and_stops_loads",
            "test_g2_a_guarantee_covers_its_share_of_live_caps_by_one_fen",
            "test_g2_all_devices_of_an_operator_lack_no_more_together_than_its_guarantee_holds",
            "test_g2_money_that_was_never_loaded_buys_no_more_than_the_guarantee_covers",
            "test_g2_what_a_device_lacks_is_not_released_before_it_is_known_why",
        ),
        "registry/test_offline_taken_up.py": (
            "test_g2_who_was_paid_by_a_device_of_a_stolen_key_is_paid_from_the_guarantee",
            "test_g2_what_an_honest_device_paid_to_it_comes_to_the_guarantee",
            "test_g2_no_device_that_was_ever_enrolled_is_taken_up",
            "test_g2_a_stolen_key_drains_nothing_once_honest_payees_must_have_surfaced",
        ),
        "operator/test_offline_strangers.py": (
            "test_g2_a_payee_of_a_device_that_nobody_enrolled_is_paid_at_its_own_desk",
            "test_g2_what_was_paid_to_such_a_device_settles_once_its_certificate_comes",
            "test_g2_an_honest_device_is_accused_by_no_certificate_that_comes",
        ),
        "audit/test_offline_taken_up.py": (
            "test_g2_a_device_that_nobody_enrolled_is_taken_up_and_covered",
            "test_g2_an_enrolled_device_is_not_taken_up",
            "test_g2_what_a_revoked_key_made_is_taken_up_until_the_wait_is_over",
            "test_g2_what_it_lacks_is_covered_until_the_wait_is_over",
            "test_g2_devices_lack_no_more_together_than_their_guarantee_holds",
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
        "wallet/test_offline_loads.py": (
            "test_g3_a_desk_that_hands_out_another_load_of_a_number_leaves_its_proof_with_the_purse",
        ),
        "cli/test_card_commands.py": (
            "test_g3_sync_tells_of_another_load_under_one_number_and_where_the_proof_is",
        ),
        "cli/test_verify_proof.py": (
            "test_g3_two_loads_convict_the_operator_from_the_file_and_genesis_alone",
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
        "protocol/test_offline_certifiers.py": (
            "test_a_device_begins_while_its_certify_key_is_valid",
            "test_g4_what_a_revoked_key_certified_is_believed_once_another_key_has",
            "test_g4_a_revoked_certify_key_is_remembered_while_one_of_its_devices_may_live",
        ),
        "registry/test_offline_taken_up.py": (
            "test_g4_a_revoked_certify_key_is_on_the_list_and_stands_for_its_devices",
        ),
        "operator/test_offline_strangers.py": (
            "test_g4_the_key_is_revoked_its_purses_are_refused_and_honest_ones_go_on",
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
}
