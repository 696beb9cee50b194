"""A hospital and pharmacy till in the browser, a true client of the gateway; in demonstrations and tests only."""
