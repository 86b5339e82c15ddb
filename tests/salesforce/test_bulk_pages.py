"""What a bulk read hands over at a time."""

from tests.salesforce.conftest import Site


def test_a_bulk_result_is_handed_over_in_pages_no_larger_than_those_of_rest(site: Site) -> None:
    for number in range(4500):
        site.world.enter("Lead", {"LastName": f"L{number}", "Company": "C"})
    connector = site.connect(bulk_above=2000)
    until = connector.clock().replace(year=2099)
    pages = list(connector.pull("leads", None, until, ["LastName"]))
    assert [len(page.records) for page in pages] == [2000, 2000, 503]
    assert site.sim.functions["bulk_results"] == 1
