"""The sandbox: an insurance agency on a laptop, with a clock to move and faults to order, for makers of hospital software."""
