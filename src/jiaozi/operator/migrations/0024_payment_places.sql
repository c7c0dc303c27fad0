-- Payments are looked up by counter; by place only for a report, which reads them all.
DROP INDEX offline_payment_by_position;
