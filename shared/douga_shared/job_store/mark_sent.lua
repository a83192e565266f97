-- ARGV: seconds to live, index below which every frame is on the queue.

if known_total() then
    if tonumber(ARGV[2]) > tonumber(redis.call('HGET', JOB, 'sent')) then
        redis.call('HSET', JOB, 'sent', ARGV[2])
    end
    renew(ARGV[1])
end
