"""A domain's folder to begin with: `treadle new-domain`.

`change` is the field that it shows, sums paid with the fewest coins; `new_domain` writes the folder, from the templates
in `field/`, whose marks are `[[ ]]` and `[% %]`, as the files have Jinja's own.
"""
