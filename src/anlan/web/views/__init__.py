"""What templates may know: one module of frozen view-models for each group of pages.

Names and generated sentences arrive in the page's language; figures arrive as numbers and moments as aware
datetimes, and the template gives them their form through ``anlan.web.formats``. Nothing here queries anything.
"""
