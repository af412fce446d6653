"""Proves that words of reports give away the technique they tell of, and that look-alikes do not."""

import pytest
from technique_labels import article_of

from tidewaiter.intel.cues import cued
from tidewaiter.intel.technique_index import TechniqueIndex
from tidewaiter.intel.techniques import techniques_of

ATTACK = "Attackers broke in. Their malware hid, and the victims were many.\n"


def given_away(text: str) -> set[str]:
    """The newest ids that a sentence gives away."""
    return {ids[0] for ids, _ in cued(text.lower())}


@pytest.mark.parametrize(
    ("text", "technique"),
    [
        ("They created a ClusterRoleBinding for the account.", "T1098.006"),
        ("A miner was deployed as a DaemonSet in each cluster.", "T1543.005"),
        ("They read the service account's token of the pod.", "T1528"),
        ("They dumped all secrets of the namespaces.", "T1552.007"),
        ("The group replaced the base image in the registry.", "T1525"),
        ("They called the exec endpoint of the API.", "T1609"),
        ("An IAM user was created and kept.", "T1136.003"),
        ("They attached a policy of administrators to the role.", "T1098.003"),
        ("They called StopLogging on the trail.", "T1685.002"),
        ("Sixty gigabytes were copied out of an S3 bucket.", "T1530"),
        ("It asks the instance metadata service for keys.", "T1552.005"),
        ("It hooks pam_authenticate in sshd.", "T1556.003"),
        ("It waits for an ICMP echo request that holds a mark.", "T1205"),
        ("Log entries of the session were deleted from /var/log/auth.log.", "T1685.006"),
        ("Results are sent in DNS queries.", "T1048.003"),
        ("It falls back to a second server.", "T1008"),
        ("It reads the memory of the runner's process.", "T1003.007"),
        ("The package has a postinstall script.", "T1195.002"),
        ("The documents were packed with WinRAR.", "T1560.001"),
        ("Snapshots of the machines were deleted.", "T1490"),
        ("It kills virtual machines before it encrypts.", "T1489"),
        ("They left a PHP shell on the server.", "T1505.003"),
        ("They threatened to publish the files.", "T1657"),
    ],
)
def test_words_give_a_technique_away(text: str, technique: str) -> None:
    assert technique in given_away(text)


@pytest.mark.parametrize(
    ("text", "technique"),
    [
        ("They pushed a modified image to the registry.", "T1112"),
        ("They posted samples, among them scans of passports.", "T1046"),
        ("The note sends victims to an .onion address.", "T1090.003"),
        ("The daemon listened on TCP port 2375.", "T1571"),
        ("Ransom notes and sales are handled by one mailbox.", "T1486"),
        ("The archive was packed with WinRAR.", "T1027.002"),
        ("It imitates a package named reconnecting-websocket.", "T1071.001"),
    ],
)
def test_words_that_only_look_alike_give_nothing_away(text: str, technique: str) -> None:
    assert technique not in given_away(text)


def ids(text: str, index: TechniqueIndex) -> set[str]:
    """What an article about an attack tells of."""
    return {one.id for one in techniques_of(article_of(ATTACK + text), index)}


def test_a_sentence_with_an_id_tells_of_no_other_technique(index: TechniqueIndex) -> None:
    assert ids("The malware ran a bash script by a cron job.", index) == {"T1059.004", "T1053.003"}
    assert ids("The malware ran a bash script by a cron job (T1053.003).", index) == {"T1053.003"}


def test_an_item_that_is_only_a_path_tells_of_nothing(index: TechniqueIndex) -> None:
    assert ids("- /etc/cron.d/crontab\n", index) == set()
    assert ids("- It writes an entry to the crontab.\n", index) == {"T1053.003"}


def test_of_an_address_the_service_stays(real_index: TechniqueIndex) -> None:
    """What everybody's service an address is at says how something was done."""
    assert "T1567.004" in ids(
        "The malware sends the keys to https://discord.com/api/webhooks/1/abc every day.", real_index
    )
    assert "T1567.004" not in ids(
        "The malware sends the keys to https://webhooks-hold.top/1/abc every day.", real_index
    )


def test_a_cronjob_of_kubernetes_is_not_cron(real_index: TechniqueIndex) -> None:
    assert "T1053.007" in ids("A CronJob started the miner again every hour.", real_index)
    assert "T1053.003" not in ids("A CronJob started the miner again every hour.", real_index)
    assert "T1053.003" in ids("A cron job started the miner again every hour.", real_index)


def test_files_that_are_encrypted_for_ransom_are_not_hidden_files(real_index: TechniqueIndex) -> None:
    found = ids("The malware encrypts all files of the servers.", real_index)
    assert "T1486" in found
    assert "T1027.013" not in found
