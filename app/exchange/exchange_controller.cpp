#include "app/exchange/exchange_controller.h"

#include "app/exchange/chat_json.h"
#include "app/history/history.h"
#include "app/messages.h"

#include <QFile>
#include <QFileInfo>

namespace app {

namespace {

constexpr qint64 kMostBytes = qint64(1) << 30;

struct ReadFile {
    QList<StoredConversation> chats;
    QString refusal; // a sentence; empty when they are whole
};

ReadFile readChats(const QString& path) {
    const QString name = QFileInfo(path).fileName();
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly) || file.size() > kMostBytes) {
        const QString reason =
            file.isOpen() ? ExchangeController::tr("it is larger than 1 GiB") : file.errorString();
        return {{},
                sentence(engine::Status(
                    engine::Code::FileCannotOpen,
                    {{"file", name.toStdString()}, {"reason", reason.toStdString()}}))};
    }
    ReadChats read = chatsFromJson(file.readAll());
    if (read.problem.isEmpty())
        return {std::move(read.chats), {}};
    return {{},
            ExchangeController::tr("%1 gives no chats: %2. Choose a JSON file that Inglenook has "
                                   "exported.")
                .arg(name, read.problem)};
}

} // namespace

ExchangeController::ExchangeController(History& history, QObject* parent)
    : QObject(parent), m_history(history) {
    m_pool.setMaxThreadCount(1);
}

ExchangeController::~ExchangeController() {
    m_pool.waitForDone();
}

void ExchangeController::collect(const QList<ConversationId>& chats, QObject* receiver,
                                 Collected collected) {
    m_history.loadWhole(chats, receiver,
                        [this, collected = std::move(collected)](
                            const engine::Result<QList<StoredConversation>>& result) {
                            if (!result.ok())
                                emit failed(sentence(result.status()));
                            else if (result->isEmpty())
                                emit failed(tr("There is no chat to export."));
                            else
                                collected(*result);
                        });
}

void ExchangeController::importFile(const QString& path) {
    m_pool.start([this, path] {
        const ReadFile read = readChats(path);
        QMetaObject::invokeMethod(
            this,
            [this, read] {
                if (read.refusal.isEmpty())
                    add(read.chats);
                else
                    emit failed(read.refusal);
            },
            Qt::QueuedConnection);
    });
}

void ExchangeController::add(const QList<StoredConversation>& chats) {
    m_history.change([chats](HistoryWriter& writer) { writer.addConversations(chats); }, this,
                     [this, count = int(chats.size())](const engine::Status& status) {
                         if (status.ok())
                             emit imported(count);
                         else
                             emit failed(sentence(status));
                     });
}

} // namespace app
