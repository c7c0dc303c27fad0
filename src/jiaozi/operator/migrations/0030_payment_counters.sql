-- Only the report on double spends looks at counters, and reads all payments as it does for places.
DROP INDEX offline_payment_by_counter;
