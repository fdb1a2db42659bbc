"""Services: one contract (base), one adapter each, one table of them (registry); images and text likewise."""
