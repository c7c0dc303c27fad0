-- Not every device that a clerk should look at is suspended: anyone may bring an old log of another's.
ALTER TABLE offline_device RENAME COLUMN suspended TO suspicion;
