-- A daily statement names what the vault gave to the guarantee and got back. One from before has it
-- among what was exchanged and redeemed, and stays as it was signed.
ALTER TABLE daily_statement
    ADD COLUMN set_aside_fen bigint NOT NULL DEFAULT 0,
    ADD COLUMN released_fen  bigint NOT NULL DEFAULT 0;
