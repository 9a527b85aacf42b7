#pragma once
// MessageTree: the messages of one conversation and the branch of it that is shown. Pure values.

#include "app/history/records.h"

#include <QHash>

namespace app {

class MessageTree {
  public:
    MessageTree() = default;
    /// `leaf` is the end of the branch shown; when it is not there, the newest message is.
    MessageTree(const QList<Message>& messages, MessageId leaf);

    /// Oldest first, sibling numbers filled in.
    QList<Message> branch() const;
    /// From the first message to `message`.
    QList<Message> pathTo(MessageId message) const;
    MessageId leaf() const { return m_leaf; }
    const Message* find(MessageId message) const;
    /// The message with its sibling numbers.
    Message numbered(MessageId message) const;
    bool isOnBranch(MessageId message) const;

    void add(const Message& message); ///< and makes it the leaf
    void replace(const Message& message);
    /// The leaf that the sibling `step` beside `message` leads to: down its newest children. 0 when
    /// there is no such sibling.
    MessageId leafOfSibling(MessageId message, int step) const;
    void setLeaf(MessageId leaf) { m_leaf = leaf; }

  private:
    QHash<MessageId, Message> m_messages;
    QHash<MessageId, QList<MessageId>> m_children; // by parent, oldest first
    MessageId m_leaf = 0;
};

} // namespace app
