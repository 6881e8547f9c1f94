"""Fields of libvirt's objects, found in the code of their getters."""

import pytest

from tracer.requests.connections import field_offset, fields_read

# push %rbx; mov %rdi,%rbx; sub $16,%rsp; call; mov 0x50(%rbx),%rdi; mov %rax,(%rsp); test %rdi,%rdi
CLIENT_GETTER = bytes.fromhex("53 48 89 fb 48 83 ec 10 e8 00 00 00 00 48 8b 7b 50 48 89 04 24 48 85 ff")
# push %rbp; push %rbx; mov %rdi,%rbx; sub $8,%rsp; call; mov 0x40(%rbx),%ebp; mov %rbx,%rdi
SOCKET_GETTER = bytes.fromhex("55 53 48 89 fb 48 83 ec 08 e8 00 00 00 00 8b 6b 40 48 89 df")
DIRECT = bytes.fromhex("8b 47 38 c3")  # mov 0x38(%rdi),%eax; ret
CANARY_FIRST = bytes.fromhex("48 89 fb 64 48 8b 04 25 28 00 00 00 48 89 44 24 08 8b 43 44 c3")
NO_FIELD = bytes.fromhex("31 c0 c3 8b 47 38")  # xor %eax,%eax; ret
# push %rbx; mov %rdi,%rbx; call; cmpq $0,0x68(%rbx); je behind the return; mov %ebp,%eax; pop; pop; ret;
# cmpq $0,0x70(%rbx); jne back; mov 0x50(%rbx),%rdi; ret; another function
SECURITY_GETTER = bytes.fromhex(
    "53 48 89 fb e8 00 00 00 00 48 83 7b 68 00 74 04 89 e8 5b c3"
    "48 83 7b 70 00 75 f5 48 8b 7b 50 c3 48 8b 7b 58"
)
FAR_AWAY = bytes.fromhex("8b 87 00 00 10 00 c3")  # mov 0x100000(%rdi),%eax


@pytest.mark.parametrize(
    ("code", "offset"),
    [
        (CLIENT_GETTER, 0x50),
        (SOCKET_GETTER, 0x40),
        (DIRECT, 0x38),
        (CANARY_FIRST, 0x44),
        (NO_FIELD, None),
        (FAR_AWAY, None),
        (b"", None),
        (b"\xff\xff\xff\xff", None),
    ],
)
def test_offset_of_the_first_field(code: bytes, offset: int | None) -> None:
    assert field_offset(code) == offset


def test_fields_of_a_function_that_returns_in_its_middle() -> None:
    assert list(fields_read(SECURITY_GETTER)) == [0x68, 0x70, 0x50]


def test_an_argument_that_is_gone_is_read_no_more() -> None:
    """mov 0x10(%rdi),%rdi; mov 0x18(%rdi),%eax, and call; mov 0x20(%rdi),%eax."""
    assert list(fields_read(bytes.fromhex("48 8b 7f 10 8b 47 18 c3"))) == [0x10]
    assert list(fields_read(bytes.fromhex("e8 00 00 00 00 8b 47 20 c3"))) == []
