-- A device that did nothing since its last checkpoint is given a later one at the same place.
ALTER TABLE offline_checkpoint DROP CONSTRAINT offline_checkpoint_device_position_head_key;
CREATE INDEX offline_checkpoint_by_place ON offline_checkpoint (device, position);
