"""Merkle trees: RFC 6962, and no proof for what is not in the tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol import merkle

# The tree that Certificate Transparency's implementations are tested with.
LEAVES = [
    merkle.leaf_hash(bytes.fromhex(each))
    for each in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaves_of(size: int) -> list[bytes]:
    return [merkle.leaf_hash(index.to_bytes(2, "big")) for index in range(size)]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_rfc_6962(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size]


@given(st.integers(1, 200), st.data())
def test_every_leaf_has_a_proof(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_proof(leaves, index)
    assert len(path) <= (size - 1).bit_length()
    assert merkle.root_from_proof(leaves[index], index, size, path) == merkle.root(leaves)


@given(st.integers(1, 40), st.data())
def test_a_proof_holds_for_its_leaf_and_its_place_only(size: int, data: st.DataObject) -> None:
    leaves, places = leaves_of(size), st.integers(0, size - 1)
    index, other_index, other_leaf = data.draw(places), data.draw(places), data.draw(places)
    path = merkle.inclusion_proof(leaves, index)
    reached = merkle.root_from_proof(leaves[other_leaf], other_index, size, path)
    assert (reached == merkle.root(leaves)) == (other_leaf == other_index == index)


@given(st.integers(2, 40), st.data())
def test_a_proof_that_was_cut_spliced_or_stretched_leads_nowhere(
    size: int, data: st.DataObject
) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_proof(leaves, index)
    root, place = merkle.root(leaves), data.draw(st.integers(0, len(path) - 1))
    for wrong in (
        path[:place] + path[place + 1 :],
        [*path[:place], path[place], *path[place:]],
        [*path[:place], path[place][::-1], *path[place + 1 :]],
        [*path[:place], path[place][:-1], *path[place + 1 :]],
        [*path[:place], path[place] + b"\0", *path[place + 1 :]],
    ):
        if wrong != path:
            assert merkle.root_from_proof(leaves[index], index, size, wrong) != root


def test_a_node_cannot_be_shown_as_a_leaf() -> None:
    root = merkle.root(LEAVES[:4])
    left, right = merkle.root(LEAVES[:2]), merkle.root(LEAVES[2:4])
    assert merkle.root_from_proof(left, 0, 2, [right]) == root
    assert merkle.leaf_hash(LEAVES[0] + LEAVES[1]) != left
    assert merkle.leaf_hash(b"\x01" + LEAVES[0] + LEAVES[1]) != left


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (2**70, 2**71)])
def test_a_place_outside_the_tree_has_no_root(index: int, size: int) -> None:
    assert merkle.root_from_proof(LEAVES[0], index, size, [LEAVES[1], LEAVES[2]]) is None


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(index: int) -> None:
    with pytest.raises(IndexError):
        merkle.inclusion_proof(LEAVES[:3], index)
