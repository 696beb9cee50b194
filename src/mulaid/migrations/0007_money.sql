-- Money that comes and goes by the calendar: premiums, monthly crediting, filings, the year's costs.
set local search_path = mulaid, public;
