#include "app/download/file_transfer.h"

#include "app/disk_room.h"
#include "engine/model/memory_plan.h"

#include <algorithm>
#include <QFileInfo>
#include <QRegularExpression>

namespace app {

namespace {

constexpr qint64 kChunk_bytes = 4 << 20; // of a look at what is there, between two events
constexpr qint64 kReadMost_bytes = 1 << 20;
constexpr qint64 kProgress_bytes = 64 << 10; // less than this is no reason to go on for ever

std::string bytesText(qint64 bytes) {
    return engine::formatBytes(std::uint64_t(std::max<qint64>(bytes, 0)));
}

struct ContentRange {
    qint64 first = -1;
    qint64 last = -1;
    qint64 total = -1; // -1: "*"
};

ContentRange parseRange(const QByteArray& text) {
    static const QRegularExpression form(
        QStringLiteral("^bytes (\\d{1,18})-(\\d{1,18})/(\\d{1,18}|\\*)$"));
    const QRegularExpressionMatch match = form.match(QString::fromLatin1(text.trimmed()));
    if (!match.hasMatch())
        return {};
    return {match.captured(1).toLongLong(), match.captured(2).toLongLong(),
            match.captured(3) == QLatin1String("*") ? -1 : match.captured(3).toLongLong()};
}

} // namespace

FileTransfer::FileTransfer(QNetworkAccessManager& network, Throttle& throttle, TransferOrder order,
                           TransferLimits limits, QObject* parent)
    : QObject(parent),
      m_order(std::move(order)),
      m_limits(limits),
      m_throttle(throttle),
      m_fetch(network, limits.fetch),
      m_part(m_order.part),
      m_hash(m_order.file.checksumKind, m_order.file.bytes),
      m_total(m_order.file.bytes),
      m_host(m_order.file.url.host()) {
    m_pause.setSingleShot(true);
    m_pause.setTimerType(Qt::PreciseTimer); // a coarse one may end before the time a hub asked for
    connect(&m_fetch, &HttpFetch::answered, this, &FileTransfer::takeAnswer);
    connect(&m_fetch, &HttpFetch::arrived, this, &FileTransfer::takeBytes);
    connect(&m_fetch, &HttpFetch::ended, this, &FileTransfer::takeEnd);
    connect(&m_fetch, &HttpFetch::failed, this, [this](engine::Status status) {
        if (status == engine::Code::DownloadUnusable ||
            status == engine::Code::DownloadDistrusted ||
            status == engine::Code::DownloadAddressInvalid)
            return fail(status);
        retry(std::move(status).with("offset", std::to_string(m_part.length())));
    });
}

engine::Status FileTransfer::status(engine::Code code,
                                    std::initializer_list<engine::StatusArgument> more) const {
    engine::Status status(
        code, {{"host", m_host.toStdString()}, {"file", m_order.file.path.toStdString()}});
    for (const engine::StatusArgument& argument : more)
        std::move(status).with(argument.name, argument.value);
    return status;
}

PartOrigin FileTransfer::origin(const QByteArray& etag) const {
    return {m_order.file.checksum,
            m_order.file.url.toString(QUrl::RemoveQuery | QUrl::RemoveUserInfo), etag, m_total};
}

void FileTransfer::start() {
    if (const engine::Status failed = m_part.open(origin({})); !failed.ok())
        return fail(failed);
    m_hasOldBytes = m_part.length() > 0;
    if (m_total < 0)
        m_total = m_part.wholeLength();
    m_hash.reset();
    m_hashed = 0;
    if (m_hasOldBytes)
        emit stateChanged(JobState::Checking);
    readOn();
}

void FileTransfer::stop() {
    m_pause.stop();
    m_pause.disconnect();
    m_fetch.abort();
    m_part.close();
}

void FileTransfer::discard() {
    stop();
    m_part.discard();
}

/// Takes the bytes that are there into the checksum, a chunk between two events.
void FileTransfer::readOn() {
    if (m_hashed == m_part.length())
        return request();
    const QByteArray chunk = m_part.read(m_hashed, kChunk_bytes);
    if (chunk.isEmpty())
        return startAnew(status(engine::Code::DownloadWrongHash, {}));
    m_hash.add(chunk);
    m_hashed += chunk.size();
    m_pause.disconnect();
    connect(&m_pause, &QTimer::timeout, this, &FileTransfer::readOn);
    m_pause.start(0);
}

void FileTransfer::request() {
    const qint64 there = m_part.length();
    if (m_total >= 0 && there == m_total && (m_total > 0 || m_attempts > 0))
        return verify();
    const qint64 needed = m_total < 0 ? 0 : m_total - there;
    const QString folder = QFileInfo(m_order.part).absolutePath();
    const qint64 room = freeBytes(folder);
    if (room >= 0 && room < needed + m_limits.spare_bytes)
        return fail(status(engine::Code::DownloadNoRoom, {{"need", bytesText(needed)},
                                                          {"free", bytesText(room)},
                                                          {"folder", folder.toStdString()}}));
    m_gained = 0;
    emit stateChanged(JobState::Running);
    emit progressed(there, m_total);
    m_fetch.start({.url = m_order.file.url,
                   .file = m_order.file.path,
                   .token = m_order.token,
                   .from = m_refuseRange ? 0 : there,
                   .ifRange = m_part.etag()});
}

void FileTransfer::takeAnswer(const FetchAnswer& answer) {
    m_host = answer.host;
    const bool isFile = answer.status == 200 || answer.status == 206;
    if (!isFile) {
        m_fetch.abort();
        // What we have is more than there is: the file has changed.
        if (answer.status == 416 && m_part.length() > 0)
            return startAnew(status(
                engine::Code::DownloadInterrupted,
                {{"offset", std::to_string(m_part.length())}, {"reason", "the file has changed"}}));
        const bool passes = answer.status == 429 || answer.status == 408 || answer.status >= 500;
        const engine::Status refused = answer.refusal(m_order.file.path);
        if (passes)
            retry(refused, answer.retryAfter_s());
        else
            fail(refused);
        return;
    }
    const QByteArray encoding = answer.header("content-encoding").trimmed().toLower();
    if (!encoding.isEmpty() && encoding != "identity")
        return fail(status(engine::Code::DownloadUnusable,
                           {{"problem", "it is packed with " + encoding.toStdString() +
                                            ", so that parts of it cannot be joined"}}));
    if (answer.header("content-type").toLower().startsWith("text/html") &&
        !m_order.file.path.endsWith(QLatin1String(".html")))
        return fail(status(engine::Code::DownloadNotAFile, {}));
    if (answer.status == 200)
        takeWhole(answer);
    else
        takeRange(answer);
}

/// The whole file, asked for or because it is not the one that we have a part of.
void FileTransfer::takeWhole(const FetchAnswer& answer) {
    const qint64 length = answer.length();
    if (m_total < 0 && length < 0 && m_order.file.checksum.isEmpty())
        return fail(status(engine::Code::DownloadUnusable,
                           {{"problem", "it tells no length, so that a cut file would pass for a "
                                        "whole one"}}));
    if (m_order.file.bytes >= 0 && length >= 0 && length != m_order.file.bytes)
        return fail(status(
            engine::Code::DownloadWrongSize,
            {{"found", std::to_string(length)}, {"expected", std::to_string(m_order.file.bytes)}}));
    if (length >= 0)
        m_total = length;
    m_hash.reset();
    m_hashed = 0;
    m_hasOldBytes = false;
    if (const engine::Status failed = m_part.begin(origin(answer.strongEtag())); !failed.ok())
        return fail(failed);
    const qint64 room = freeBytes(QFileInfo(m_order.part).absolutePath());
    if (room >= 0 && room < m_total + m_limits.spare_bytes)
        return fail(status(engine::Code::DownloadNoRoom,
                           {{"need", bytesText(m_total)},
                            {"free", bytesText(room)},
                            {"folder", QFileInfo(m_order.part).absolutePath().toStdString()}}));
    emit progressed(0, m_total);
}

void FileTransfer::takeRange(const FetchAnswer& answer) {
    const ContentRange range = parseRange(answer.header("content-range"));
    const QByteArray etag = answer.header("etag").trimmed();
    const bool isSame = etag.isEmpty() || m_part.etag().isEmpty() || etag == m_part.etag();
    const bool isRight = !m_refuseRange && m_part.length() > 0 && range.first == m_part.length() &&
                         (range.total < 0 || range.total == m_total) && range.last == m_total - 1;
    if (isSame && isRight)
        return;
    m_fetch.abort();
    m_refuseRange = m_refuseRange || !isRight;
    startAnew(status(engine::Code::DownloadUnusable,
                     {{"problem", isSame ? "it sends other bytes than were asked for"
                                         : "the file has changed"}}));
}

void FileTransfer::takeBytes() {
    if (m_pause.isActive())
        return;
    while (m_fetch.available() > 0) {
        const qint64 granted =
            m_throttle.take(std::min<qint64>(m_fetch.available(), kReadMost_bytes));
        if (granted == 0) {
            m_pause.disconnect();
            connect(&m_pause, &QTimer::timeout, this, &FileTransfer::takeBytes);
            m_pause.start(Throttle::kPause_ms);
            return;
        }
        const QByteArray bytes = m_fetch.read(granted);
        if (bytes.isEmpty())
            return;
        if (m_total >= 0 && m_part.length() + bytes.size() > m_total) {
            const qint64 found = m_part.length() + bytes.size();
            discard();
            return fail(
                status(engine::Code::DownloadWrongSize,
                       {{"found", std::to_string(found)}, {"expected", std::to_string(m_total)}}));
        }
        if (m_part.length() == 0 && !looksRight(bytes)) {
            discard();
            return fail(status(engine::Code::DownloadNotAFile, {}));
        }
        if (const engine::Status failed = m_part.append(bytes); !failed.ok())
            return fail(failed);
        m_hash.add(bytes);
        m_hashed += bytes.size();
        m_gained += bytes.size();
        emit progressed(m_part.length(), m_total);
    }
}

/// A model begins with its mark; a page of a proxy or of a network's sign-in does not.
bool FileTransfer::looksRight(const QByteArray& first) const {
    const bool isModel = m_order.file.path.endsWith(QLatin1String(".gguf"), Qt::CaseInsensitive);
    const QByteArray mark("GGUF");
    return !isModel || first.left(mark.size()) == mark.left(first.size());
}

void FileTransfer::takeEnd() {
    if (m_total >= 0 && m_part.length() < m_total) {
        retry(status(engine::Code::DownloadInterrupted,
                     {{"offset", std::to_string(m_part.length())},
                      {"reason", "the connection was closed too early"}}));
        return;
    }
    verify();
}

void FileTransfer::verify() {
    m_fetch.abort();
    if (!m_hash.matches(m_order.file.checksum)) {
        const engine::Status wrong = status(engine::Code::DownloadWrongHash, {});
        // The fault may lie in what was there before: once more, from the beginning.
        if (m_hasOldBytes && !m_startedAnew) {
            m_startedAnew = true;
            return startAnew(wrong);
        }
        discard();
        return fail(wrong);
    }
    if (const engine::Status failed = m_part.sync(); !failed.ok())
        return fail(failed);
    const qint64 bytes = m_part.length();
    m_part.close();
    emit finished(m_hash.sha256(), bytes);
}

void FileTransfer::startAnew(const engine::Status& why) {
    m_fetch.abort();
    m_hash.reset();
    m_hashed = 0;
    m_hasOldBytes = false;
    m_gained = 0;
    if (const engine::Status failed = m_part.begin(origin({})); !failed.ok())
        return fail(failed);
    retry(why);
}

/// Waits and asks again; false when it was the last attempt.
bool FileTransfer::retry(const engine::Status& status, qint64 after_s) {
    m_attempts = m_gained >= kProgress_bytes ? 1 : m_attempts + 1;
    m_hasOldBytes = m_part.length() > 0;
    if (m_attempts >= m_limits.attempts || after_s > m_limits.longestAsked_s) {
        fail(status);
        return false;
    }
    const qint64 own = std::min<qint64>(qint64(m_limits.firstPause_ms) << (m_attempts - 1),
                                        m_limits.longestPause_ms);
    m_pause.disconnect();
    connect(&m_pause, &QTimer::timeout, this, &FileTransfer::request);
    m_pause.start(int(std::max(own, after_s * 1000)));
    emit stateChanged(JobState::Retrying);
    return true;
}

void FileTransfer::fail(const engine::Status& status) {
    stop();
    emit failed(status);
}

} // namespace app
