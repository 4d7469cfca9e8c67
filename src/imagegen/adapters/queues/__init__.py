"""The doorbell and the announcements: in process."""
