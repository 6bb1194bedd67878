"""Deliveries: files, forms and interfaces become batches of observations, with a receipt."""
