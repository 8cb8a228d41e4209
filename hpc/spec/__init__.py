"""From YAML text to a validated pipeline: read (document), settle (merge, references), load (model).

Text enters, `Pipeline` leaves; positions stay in the `Document`.
"""
